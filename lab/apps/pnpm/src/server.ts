import Fastify from 'fastify'
import { z } from 'zod'

const query = z.object({ kilograms: z.coerce.number().positive() })

const server = Fastify({ logger: true })
server.get('/health', () => ({ status: 'ok' }))
server.get('/pounds', (request, reply) => {
  const parsed = query.safeParse(request.query)
  if (!parsed.success) return reply.code(400).send({ error: 'kilograms must be a positive number' })
  return { pounds: Number((parsed.data.kilograms / 0.45359237).toFixed(3)) }
})

await server.listen({ host: '0.0.0.0', port: 4000 })
