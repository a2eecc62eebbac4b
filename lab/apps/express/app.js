const path = require('node:path')

const express = require('express')
const helmet = require('helmet')
const morgan = require('morgan')

const notices = [
  { id: 1, text: 'The lift is out of order.' },
  { id: 2, text: 'The library opens at nine.' },
]

const app = express()
app.use(helmet())
app.use(morgan('tiny'))
app.use(express.static(path.join(__dirname, 'public')))

app.get('/healthz', (_request, response) => response.json({ status: 'ok' }))
app.get('/notices', (_request, response) => response.json(notices))
app.get('/notices/:id', (request, response) => {
  const notice = notices.find(({ id }) => id === Number(request.params.id))
  if (notice) response.json(notice)
  else response.status(404).json({ error: 'no such notice' })
})

module.exports = app
