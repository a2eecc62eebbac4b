/** @type {import('next').NextConfig} */
module.exports = {
  poweredByHeader: false,
  async redirects() {
    return [{ source: '/recipes', destination: '/', permanent: false }]
  },
}
