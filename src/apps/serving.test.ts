import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Delivery } from '../../test/lab/delivery.ts'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import type { AppOptions } from '../model/app-options.ts'

describe.skipIf(!labAvailable)('started by hand', () => {
  const hosts = bootForFile(1)
  let at: Delivery
  beforeAll(() => {
    if (labAvailable) at = new Delivery(hosts()[0]!)
  })
  afterAll(() => at?.remove())

  test('a static site is served', { timeout: 300_000 }, async () => {
    const folder = at.repository({
      'public/index.html': '<p>hello',
      'public/a.css': 'a{}',
      'public/404.html': 'nothing here',
      'public/docs/index.html': 'docs',
      'public/.env': 'x',
      Procfilex: '',
    })
    const options: AppOptions = { source: folder }
    await at.prepare('pages', options)
    const { snapshot } = await at.deliver('pages', options)
    const said = await at.serving(
      'pages',
      options,
      snapshot,
      `
curl -s http://127.0.0.1:8100/; echo
curl -si http://127.0.0.1:8100/a.css | grep -i 'content-type\\|cache-control\\|etag' | sed 's/".*"/X/'
curl -s -w ' %{http_code}\\n' http://127.0.0.1:8100/none
curl -s -w ' %{http_code}\\n' http://127.0.0.1:8100/.env
curl -so /dev/null -w '%{http_code} %{redirect_url}\\n' http://127.0.0.1:8100/docs
tag=$(curl -si http://127.0.0.1:8100/a.css | sed -n 's/^etag: //Ip' | tr -d '\\r')
curl -so /dev/null -w '%{http_code}\\n' -H "If-None-Match: $tag" http://127.0.0.1:8100/a.css`,
    )
    expect(said.replaceAll('\r', '')).toBe(`<p>hello
ETag: X
Cache-Control: no-cache
Content-Type: text/css; charset=utf-8
nothing here 404
nothing here 404
301 http://127.0.0.1:8100/docs/
304
`)
  })

  test('PHP answers, and finishes what it has begun', { timeout: 300_000 }, async () => {
    const folder = at.repository({
      'index.php':
        '<?php if ($_GET["s"] ?? 0) sleep(2); error_log("asked for {$_SERVER["REQUEST_URI"]}"); echo php_sapi_name(), " ", $_SERVER["REQUEST_URI"];',
      'a.css': 'a{}',
    })
    const options: AppOptions = { source: folder }
    await at.prepare('php', options)
    const { snapshot } = await at.deliver('php', options)
    const said = await at.serving(
      'php',
      options,
      snapshot,
      `
curl -s http://127.0.0.1:8100/any/path; echo
curl -s http://127.0.0.1:8100/a.css; echo
curl -s 'http://127.0.0.1:8100/?s=1' & curl=$!; sleep 0.5; systemctl stop web; wait $curl; echo
journalctl -o cat -u web --grep any`,
    )
    expect(said).toBe('fpm-fcgi /any/path\na{}\nfpm-fcgi /?s=1\nPHP message: asked for /any/path\n')
  })

  test("Python has a venv and Debian's gunicorn", { timeout: 300_000 }, async () => {
    const folder = at.repository({
      'wsgi.py': `import sys
def application(environ, start):
    start('200 OK', [])
    return [sys.prefix.encode()]
`,
    })
    const options: AppOptions = { source: folder }
    await at.prepare('py', options)
    const { snapshot } = await at.deliver('py', options)
    const said = await at.serving('py', options, snapshot, 'curl -s http://127.0.0.1:8100/')
    expect(said).toBe(`/srv/py/trees/${snapshot.id}/.venv`)
  })

  test('Node without dependencies needs no npm', { timeout: 300_000 }, async () => {
    const folder = at.repository({
      'package.json': JSON.stringify({ scripts: { start: 'node main.js' } }),
      'package-lock.json': JSON.stringify({ lockfileVersion: 3, packages: { '': {} } }),
      'main.js': `const server = require('http').createServer((_, answer) => answer.end('node ' + process.env.NODE_ENV))
server.listen(process.env.PORT, process.env.HOST)
process.on('SIGTERM', () => server.close(() => process.exit(0)))`,
    })
    const options: AppOptions = { source: folder }
    await at.prepare('js', options)
    const { snapshot } = await at.deliver('js', options)
    const said = await at.serving(
      'js',
      options,
      snapshot,
      'curl -s http://127.0.0.1:8100/; which npm; :',
    )
    expect(said).toBe('node production')
  })
})
