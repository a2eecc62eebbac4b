import express from 'express';

const app = express();
app.get('/healthz', (_request, response) => {
  response.json({ status: 'ok' });
});
app.listen(Number(process.env.PORT ?? 3000));
