const app = require('fastify')();

app.get('/health', async () => ({ status: 'ok' }));
app.listen({ host: '0.0.0.0', port: 3000 });
