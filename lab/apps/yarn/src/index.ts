import Router from '@koa/router'
import Koa from 'koa'

const links = new Map([['tea', 'https://example.org/tea']])

const router = new Router()
router.get('/health', (context) => {
  context.body = { status: 'ok' }
})
router.get('/:name', (context) => {
  const target = links.get(context.params.name)
  if (target) context.redirect(target)
  else context.status = 404
})

new Koa().use(router.routes()).use(router.allowedMethods()).listen(8080)
