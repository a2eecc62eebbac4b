const { PrismaClient } = require('@prisma/client');
const express = require('express');

const prisma = new PrismaClient();
const app = express();
app.get('/notes', async (request, response) => response.json(await prisma.note.findMany()));
app.listen(3000);
