const http = require('node:http')

const { DateTime } = require('luxon')

const server = http.createServer((_request, response) => {
  response.end(`It is ${DateTime.utc().toFormat('HH:mm')} in Reykjavik.\n`)
})
server.listen(3000)
process.on('SIGTERM', () => server.close())
