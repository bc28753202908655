import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { write } from '../lab/delivery.ts'

export type Files = Readonly<Record<string, string | Buffer>>

/**
 * The same app in several languages: it answers with its label, $GREETING, $HOST and $PORT, at /slow after
 * two seconds, and at SIGTERM it finishes what it has begun. The label comes from a dependency.
 */
export interface Greeter {
  readonly name: string
  /** What is delivered with this label. */
  files(label: string): Files
  /** Beside it in the second release. */
  readonly procfile?: string
  /** What the command line of the process holds, without and with that Procfile. */
  readonly runs: readonly [RegExp, RegExp]
  /** What its second build says of a dependency that it has already. */
  readonly again?: RegExp
  /** Files that need a registry where nothing listens, and what its tool says to that. */
  readonly lost?: { readonly files: Files; readonly says: RegExp }
}

const nowhere = 'http://127.0.0.1:9/'
const json = (value: object): string => JSON.stringify(value)

const go: Greeter = {
  name: 'go',
  files: (label) => ({
    'go.mod': 'module example.org/hello/v2\n\ngo 1.19\n',
    'label/label.go': `package label\n\nconst Label = "${label}"\n`,
    'cmd/hello/main.go': `package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.org/hello/v2/label"
)

func main() {
	ended, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	host, port := os.Getenv("HOST"), os.Getenv("PORT")
	server := &http.Server{Addr: host + ":" + port}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			time.Sleep(2 * time.Second)
		}
		fmt.Fprint(w, label.Label, " ", os.Getenv("GREETING"), " ", host, " ", port)
	})
	go func() {
		if err := server.ListenAndServe(); err != http.ErrServerClosed {
			panic(err)
		}
	}()
	<-ended.Done()
	server.Shutdown(context.Background())
}
`,
  }),
  procfile: 'web: bin/hello procfile',
  runs: [/^bin\/hello$/, /^bin\/hello procfile$/],
  lost: {
    files: {
      'label/lost.go': 'package label\n\nimport _ "example.org/lost"\n',
      'go.mod': 'module example.org/hello/v2\n\ngo 1.19\n\nrequire example.org/lost v1.0.0\n',
    },
    says: /example\.org\/lost/,
  },
}

const greet = `->(env) { sleep 2 if env['PATH_INFO'] == '/slow'; [200, {}, [[LABEL, *ENV.values_at('GREETING', 'HOST', 'PORT')].join(' ')]] }`

/** Only Debian's packages: Rack and Puma. */
const rack: Greeter = {
  name: 'rack',
  files: (label) => ({
    'label.rb': `LABEL = '${label}'\n`,
    'config.ru': `require 'rack'\nrequire_relative 'label'\nuse Rack::Head\nrun ${greet}\n`,
  }),
  procfile: 'web: puma --tag procfile --bind tcp://$HOST:$PORT',
  runs: [/^puma .*\[[0-9a-f]{12}\]$/, /^puma .*\[procfile\]$/],
}

export const gemfile = "source 'https://rubygems.org'\ngem 'puma'\ngem 'label'\n"

/** Gems that lie in vendor/cache: Puma, and one that has to be compiled. */
const gems: Greeter = {
  name: 'gems',
  files: (label) => ({
    Gemfile: gemfile,
    'label.txt': label,
    'config.ru': `require 'label'\nLABEL = Label.of(File.read('label.txt'))\nrun ${greet}\n`,
  }),
  procfile: 'web: bundle exec puma --tag procfile --bind tcp://$HOST:$PORT',
  runs: [/^puma .*\[[0-9a-f]{12}\]$/, /^puma .*\[procfile\]$/],
  again: /Using label 1\.0\.0\nUsing nio4r [\d.]+\nUsing puma /,
  lost: {
    files: { Gemfile: `source '${nowhere}'\ngem 'lost'\n` },
    says: /127\.0\.0\.1:9/,
  },
}

/** A wheel that lies beside it, and a server of Debian's. */
const asgi: Greeter = {
  name: 'asgi',
  files: (label) => ({
    'requirements.txt': '--no-index\n--find-links vendor\nlabel==1.0\n',
    'label.txt': label,
    'app.py': `import asyncio, os, label
async def app(scope, receive, send):
    if scope['type'] != 'http': return
    if scope['path'] == '/slow': await asyncio.sleep(2)
    text = ' '.join([label.of(open('label.txt').read()), *map(os.environ.get, ('GREETING', 'HOST', 'PORT'))])
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': text.encode()})
`,
  }),
  procfile: 'web: gunicorn -k uvicorn.workers.UvicornWorker --bind $HOST:$PORT app:app',
  runs: [/^python -m uvicorn .*app:app$/, /\/python -m gunicorn -k uvicorn\.workers/],
  lost: {
    files: { 'requirements.txt': `--index-url ${nowhere}\nlost==1.0\n` },
    says: /No matching distribution found for lost==1\.0/,
  },
}

const npm: Greeter = {
  name: 'npm',
  files(label) {
    const [tarball, at] = [labelTarball(), 'file:vendor/label-1.0.0.tgz']
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
    const root = { name: 'hello', version: '1.0.0', dependencies: { label: at } }
    const packages = {
      '': root,
      'node_modules/label': { version: '1.0.0', resolved: at, integrity },
    }
    return {
      'package.json': json({ ...root, scripts: { start: 'node hello.js' } }),
      'package-lock.json': json({ ...root, lockfileVersion: 3, requires: true, packages }),
      'vendor/label-1.0.0.tgz': tarball,
      'label.txt': label,
      'hello.js': `const { GREETING, HOST, PORT } = process.env
const label = require('label')(require('fs').readFileSync('label.txt', 'utf8'))
const server = require('http').createServer((request, answer) => {
  setTimeout(() => answer.end([label, GREETING, HOST, PORT].join(' ')), request.url === '/slow' ? 2000 : 0)
})
server.listen(PORT, HOST)
process.on('SIGTERM', () => server.close())
`,
    }
  },
  procfile: 'web: node hello.js procfile',
  runs: [/^node hello\.js$/, /^node hello\.js procfile$/],
  lost: {
    files: {
      '.npmrc': `registry=${nowhere}\nfetch-retries=0\n`,
      'package-lock.json': '{}',
      'package.json': json({
        dependencies: { lost: '1.0.0' },
        scripts: { start: 'node hello.js' },
      }),
    },
    says: /ECONNREFUSED/,
  },
}

/** PHP has no command of its own to be told in a Procfile. */
const composer: Greeter = {
  name: 'composer',
  files: (label) => ({
    'composer.json': json({
      repositories: [
        { type: 'path', url: 'packages/label', options: { symlink: false } },
        { 'packagist.org': false },
      ],
      require: { 'example/label': '1.0.0' },
    }),
    'packages/label/composer.json': json({
      name: 'example/label',
      version: '1.0.0',
      autoload: { files: ['label.php'] },
    }),
    'packages/label/label.php': `<?php const LABEL = '${label}';\n`,
    'public/index.php': `<?php require '../vendor/autoload.php';
if ($_SERVER['REQUEST_URI'] === '/slow') sleep(2);
echo implode(' ', [LABEL, ...array_map('getenv', ['GREETING', 'HOST', 'PORT'])]);
`,
  }),
  runs: [/^\/bin\/sh .*\/web$/, /^\/bin\/sh .*\/web$/],
  lost: {
    files: {
      'composer.json': json({
        repositories: [{ type: 'composer', url: nowhere }, { 'packagist.org': false }],
        config: { 'secure-http': false },
        require: { 'example/lost': '1.0.0' },
      }),
    },
    says: /127\.0\.0\.1:9/,
  },
}

export const greeters: readonly Greeter[] = [go, rack, gems, asgi, npm, composer]

function labelTarball(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'fettle-label-'))
  try {
    write(folder, {
      'package/package.json': json({ name: 'label', version: '1.0.0' }),
      'package/index.js': 'module.exports = (text) => text',
    })
    execFileSync('tar', ['-C', folder, '-czf', join(folder, 'label.tgz'), 'package'])
    return readFileSync(join(folder, 'label.tgz'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}
