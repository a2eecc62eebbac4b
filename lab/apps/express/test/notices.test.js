const test = require('node:test')

const request = require('supertest')

const app = require('../app')

test('a notice that is not there', () => request(app).get('/notices/9').expect(404))
