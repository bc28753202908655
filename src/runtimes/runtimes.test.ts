import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { describeApp } from '../model/app.ts'
import type { AppOptions } from '../model/app-options.ts'
import { packagesFor, runtimeFor, runtimeOf } from './runtimes.ts'
import { sourceFiles } from './source-files.ts'

const files = (texts: Readonly<Record<string, string>>) =>
  sourceFiles(Object.keys(texts), (path) => texts[path])
const json = (value: object): string => JSON.stringify(value)

describe('what an app is, needs and runs', () => {
  test.each([
    [
      'node, bare',
      { 'package.json': '{}', 'server.js': '' },
      'node',
      'nodejs',
      undefined,
      'node server.js',
    ],
    [
      'node, a dependency',
      {
        'package.json': json({ dependencies: { a: '1' }, scripts: { start: 'next start' } }),
        'package-lock.json': '',
      },
      'node',
      'nodejs npm',
      'npm ci --no-audit --no-fund --omit=dev',
      'next start',
    ],
    [
      'node, no lock',
      { 'package.json': json({ dependencies: { a: '1' }, main: 'a.js' }), 'a.js': '' },
      'node',
      'nodejs npm',
      'npm install --no-audit --no-fund --omit=dev',
      'node a.js',
    ],
    [
      'node, a build',
      {
        'package.json': json({ devDependencies: { a: '1' }, scripts: { build: 'x', start: 'y' } }),
        'package-lock.json': '',
      },
      'node',
      'nodejs npm',
      'npm ci --no-audit --no-fund --include=dev && npm run build && npm prune --omit=dev --no-audit --no-fund',
      'y',
    ],
    [
      'node, only tools',
      { 'package.json': json({ devDependencies: { a: '1' }, scripts: { start: 'y' } }) },
      'node',
      'nodejs',
      undefined,
      'y',
    ],
    [
      'node, before its start',
      { 'package.json': json({ scripts: { prestart: 'x', start: 'y' } }) },
      'node',
      'nodejs npm',
      undefined,
      'npm start',
    ],
    ['node, broken', { 'package.json': '{' }, 'node', 'nodejs', undefined, undefined],
    [
      'flask',
      {
        'requirements.txt': 'flask\n',
        'app.py': 'from flask import Flask\nshop = Flask(__name__)',
      },
      'python',
      'python3 python3-venv python3-gunicorn',
      expect.stringContaining('-r requirements.txt'),
      expect.stringMatching(/gunicorn.* app:shop$/),
    ],
    [
      'with gunicorn',
      { 'requirements.txt': 'flask\nGunicorn==22\n', 'wsgi.py': 'app = 1' },
      'python',
      'python3 python3-venv',
      expect.stringContaining('-r requirements.txt'),
      expect.stringMatching(/gunicorn.* wsgi:app$/),
    ],
    [
      'plain wsgi',
      { 'wsgi.py': 'def application(environ, start):' },
      'python',
      'python3 python3-venv python3-gunicorn',
      expect.stringMatching(/^python3 -m venv --system-site-packages .venv --without-pip && /),
      expect.stringMatching(/gunicorn.* wsgi:application$/),
    ],
    [
      'django',
      {
        'manage.py': "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site1.settings')",
        'site1/wsgi.py': '',
      },
      'python',
      'python3 python3-venv python3-gunicorn',
      expect.any(String),
      expect.stringMatching(/gunicorn.* site1.wsgi:application$/),
    ],
    [
      'fastapi',
      { 'pyproject.toml': '[project]\ndependencies = ["fastapi"]', 'main.py': 'api = FastAPI()' },
      'python',
      'python3 python3-venv python3-uvicorn',
      expect.stringMatching(/no-input \. && /),
      expect.stringMatching(/uvicorn.* main:api$/),
    ],
    [
      'settings of tools',
      { 'pyproject.toml': '[tool.ruff]\n', 'app.py': 'def app(environ, start):' },
      'python',
      'python3 python3-venv python3-gunicorn',
      expect.stringContaining('--without-pip'),
      expect.stringMatching(/ app:app$/),
    ],
    [
      'asgi by gunicorn',
      {
        'asgi.py': 'async def app(scope, receive, send):',
        Procfile: 'web: gunicorn -k uvicorn.workers.UvicornWorker asgi:app',
      },
      'python',
      'python3 python3-venv python3-gunicorn python3-uvicorn',
      expect.stringMatching(/bin\/gunicorn .*bin\/uvicorn /),
      expect.stringMatching(/uvicorn.* asgi:app$/),
    ],
    [
      'plain asgi, its own server',
      { 'main.py': 'async def application(scope,', 'requirements.txt': 'uvicorn[standard]>=0.30' },
      'python',
      'python3 python3-venv',
      expect.stringMatching(/requirements.txt$/),
      expect.stringMatching(/uvicorn.* main:application$/),
    ],
    [
      'rack',
      { 'config.ru': '' },
      'ruby',
      'ruby ruby-rack puma',
      undefined,
      expect.stringMatching(/^puma /),
    ],
    [
      'rails',
      {
        Gemfile: "gem 'puma'",
        'Gemfile.lock': '',
        'config.ru': '',
        'bin/rails': '',
        'app/assets/x': '',
      },
      'ruby',
      expect.stringContaining('ruby-bundler'),
      expect.stringMatching(/deployment true.*assets:precompile$/),
      expect.stringMatching(/^bundle exec puma/),
    ],
    [
      'php',
      { 'public/index.php': '' },
      'php',
      'apache2-bin media-types php-fpm',
      undefined,
      expect.stringContaining('$PWD/public'),
    ],
    [
      'php, composer',
      {
        'composer.json': json({ require: { php: '>=8', 'ext-gd': '*', 'a/b': '1' } }),
        'index.php': '',
      },
      'php',
      expect.stringMatching(/composer.* php-gd$/),
      expect.stringContaining('--no-dev'),
      expect.any(String),
    ],
    [
      'go',
      { 'go.mod': 'module example.org/me/shop/v2\n', 'main.go': '' },
      'go',
      'golang-go',
      'CGO_ENABLED=0 go build -trimpath -o bin/shop .',
      'bin/shop',
    ],
    [
      'go, cmd',
      { 'go.mod': 'module shop\n', 'cmd/server/main.go': '' },
      'go',
      'golang-go',
      expect.stringContaining('./cmd/server'),
      'bin/shop',
    ],
    [
      'static',
      { 'index.html': '', Dockerfilex: '' },
      'static',
      'apache2-bin media-types',
      undefined,
      expect.stringContaining('DirectoryIndex'),
    ],
    [
      'a page of a node app',
      { 'index.html': '', Dockerfile: '', 'package.json': '{}', 'server.js': '' },
      'node',
      'nodejs',
      undefined,
      'node server.js',
    ],
    [
      'a container, and a page',
      { 'public/index.html': '', Dockerfile: '' },
      'container',
      'podman crun catatonit',
      undefined,
      '',
    ],
  ])('%s', (_, texts, name, packages, build, web) => {
    const seen = files(texts as never)
    const runtime = runtimeOf(seen)!
    expect(runtime.name).toBe(name)
    expect(runtime.packages(seen, true).join(' ')).toEqual(packages)
    expect(runtime.build(seen)).toEqual(build)
    expect(runtime.processes(seen)['web']).toEqual(web)
  })

  test('nothing known, and what is wanted', () => {
    const app = (options: Partial<AppOptions> = {}) =>
      describeApp('shop', { source: '.', ...options })
    expect(() => runtimeFor(app(), files({ x: '' }))).toThrow('do not tell')
    expect(runtimeFor(app({ processes: { web: './x' } }), files({ x: '' }))).toBeUndefined()
    expect(runtimeFor(app(), files({ Procfile: '' }))).toBeUndefined()
    expect(runtimeFor(app({ runtime: 'php' }), files({ 'index.html': '' }))?.name).toBe('php')
  })
})

describe('a container', () => {
  const described = (options: AppOptions) => describeApp('shop', options)
  const seen = files({ Dockerfile: '' })

  test('is built by what its Dockerfile says, and by nothing else', () => {
    for (const build of [{ command: 'make' }, { output: 'dist' }, { where: 'here' }] as const)
      expect(() => runtimeFor(described({ source: '.', build }), seen)).toThrow(
        `cannot have \`build.${Object.keys(build)[0]}\``,
      )
    const { make, identity } = runtimeFor(described({ source: '.' }), seen)!.enclosure!
    expect(make(described({ source: '.' }), seen, 'abc').text).toContain(
      '--file Dockerfile --tag localhost/fettle/shop:abc .',
    )
    expect(identity(described({ source: '.' }), 'abc')).toBeUndefined()
  })

  test('of an image needs nothing else, and the same one on all hosts', () => {
    const app = described({ image: 'quay.io/a/b:1' })
    expect(packagesFor(app, '/nowhere')).toEqual(['podman', 'crun', 'catatonit'])
    const { make, identity } = runtimeFor(app, files({ image: '' }))!.enclosure!
    expect(make(app, files({ image: '' }), 'abc').text).toContain('pull quay.io/a/b:1 &&')
    expect(identity(app, 'abc')).toBeDefined()
  })

  test.each([
    [{ image: 'nginx' }, /image cannot be "nginx"/],
    [{ image: 'quay.io/a/b' }, /image cannot be/],
    [{ image: 'quay.io/a/b:1', source: '.' }, /source cannot be set beside `image`/],
    [{ image: 'quay.io/a/b:1', runtime: 'node' }, /runtime cannot be set beside/],
    [{ image: 'quay.io/a/b:1', build: {} }, /build cannot be set beside/],
    [{}, /source is missing/],
  ] as const)('%j is refused', (options, words) => expect(() => described(options)).toThrow(words))

  const launched = {
    app: 'shop',
    user: 'shop',
    tree: 'abc',
    folder: '/srv/shop/trees/abc',
    data: '/srv/shop/data',
    names: ['A', 'PATH'],
    stop: 1.5,
  }
  const { launch } = runtimeOf(seen)!.enclosure!

  test('runs what its image says where no command is told, else a shell', () => {
    const { script, shell } = launch(launched)
    expect(script('', 'on')).toMatch(/ --detach .* localhost\/fettle\/shop:abc$/)
    expect(script('echo a b', 'once')).toMatch(
      / --entrypoint=\/bin\/sh localhost\/fettle\/shop:abc -c 'echo a b'$/,
    )
    expect(script('x', 'once')).not.toContain('--detach')
    expect(shell).toMatch(/shop:abc "\$@"$/)
  })

  test('finds its environment, a home that lasts, and time to end', () => {
    const { script, instance } = launch(launched)
    for (const word of ['--env=A', '--env=PORT', '--env=HOME=/srv/shop/data'])
      expect(script('', 'on')).toContain(` '${word}' `)
    expect(launch({ ...launched, names: ['HOME'] }).script('', 'on')).not.toContain('HOME=')
    expect(instance('').join('\n')).toContain('stop --ignore --time=2 ')
  })
})

describe('the packages of a described app', () => {
  const made: string[] = []
  afterEach(() => made.splice(0).forEach((each) => rmSync(each, { recursive: true })))
  const folder = (texts: Readonly<Record<string, string>>): string => {
    const path = mkdtempSync(join(tmpdir(), 'fettle-packages-'))
    made.push(path)
    mkdirSync(join(path, 'shop'))
    for (const [name, text] of Object.entries(texts)) writeFileSync(join(path, 'shop', name), text)
    return path
  }
  const of = (at: string, options: Partial<AppOptions> = {}) =>
    packagesFor(describeApp('shop', { source: './shop', ...options }), at)

  test('from its folder, from what it says of a URL, and never guessed', () => {
    expect(of(folder({ 'index.html': '' }))).toEqual(['apache2-bin', 'media-types'])
    const url = { source: 'https://example.org/shop.git' }
    expect(() => of('/', url)).toThrow('URL')
    expect(of('/', { ...url, runtime: 'node' })).toEqual(['nodejs', 'npm'])
    expect(() => of('/nowhere')).toThrow('is not there')
  })

  test('what is built elsewhere, or not at all, needs no tools to build', () => {
    const here = { build: { where: 'here' } } as const
    const go = { 'go.mod': 'module shop\n', 'main.go': '' }
    expect(of(folder(go))).toEqual(['golang-go'])
    expect(of(folder(go), here)).toEqual([])
    expect(of(folder(go), { build: { command: '' } })).toEqual([])
    const at = folder(go)
    execFileSync('tar', ['-C', join(at, 'shop'), '-czf', join(at, 'shop.tar.gz'), '.'])
    expect(of(at, { source: './shop.tar.gz' })).toEqual([])
    expect(of(folder({ Gemfile: "gem 'puma'" }), here)).toEqual(['ruby', 'ruby-bundler'])
    const needy = { 'package.json': json({ dependencies: { a: '1' }, scripts: { start: 'x' } }) }
    expect(of(folder(needy), here)).toEqual(['nodejs'])
  })

  test('a site that Node builds needs both', () => {
    const at = folder({
      'package.json': json({ devDependencies: { vite: '1' }, scripts: { build: 'x' } }),
    })
    const site = {
      runtime: 'static',
      build: { command: 'npm ci && npm run build', output: 'dist' },
    }
    expect(of(at, site)).toEqual(['apache2-bin', 'media-types', 'nodejs', 'npm'])
    expect(of(at, { ...site, build: { ...site.build, where: 'here' } })).toEqual([
      'apache2-bin',
      'media-types',
    ])
  })
})
