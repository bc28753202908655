import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestHost, bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { settle } from '../../test/lab/settle.ts'
import { describeApp } from '../model/app.ts'
import type { AppOptions } from '../model/app-options.ts'
import type { Host } from '../model/role.ts'
import { app } from '../roles/app.ts'
import { runtimeFor } from '../runtimes/runtimes.ts'
import { processesOf } from '../runtimes/procfile.ts'
import type { Answer, Frame } from '../transport/machine.ts'
import { SshMachine } from '../transport/ssh.ts'
import { buildHere } from './build-here.ts'
import { buildProblem, buildStep } from './build.ts'
import { pruneTrees } from './retention.ts'
import type { Snapshot } from './snapshot.ts'
import { openSource } from './source.ts'
import {
  type HostTrees,
  noTrees,
  parseTrees,
  readTrees,
  uploadProblem,
  uploadStep,
} from './upload.ts'

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile(1)
  let host: TestHost
  let temporary: string
  let count = 0
  beforeAll(() => {
    if (!labAvailable) return
    host = hosts()[0]!
    temporary = mkdtempSync(join(tmpdir(), 'fettle-upload-'))
  })
  afterAll(() => temporary && rmSync(temporary, { recursive: true, force: true }))

  const git = (folder: string, ...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=a@example.org', ...args], {
      cwd: folder,
      stdio: 'pipe',
    })
      .toString()
      .trim()

  function write(folder: string, files: Readonly<Record<string, string | Buffer>>): void {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), content)
    }
  }

  function commit(folder: string): void {
    git(folder, 'add', '-A')
    git(folder, 'commit', '-q', '-m', 'x')
  }

  function repository(files: Readonly<Record<string, string | Buffer>>): string {
    const folder = join(temporary, `app${(count += 1)}`)
    write(folder, files)
    git(folder, 'init', '-q')
    commit(folder)
    return folder
  }

  async function run(...frames: Frame[]): Promise<Answer[]> {
    const session = new SshMachine(host.target).open()
    try {
      return await session.run(frames.map((frame) => ({ user: 'root', ...frame })))
    } finally {
      await session.close()
    }
  }

  const snapshotOf = async (source: string): Promise<Snapshot> =>
    (await openSource({ name: 'x', source, at: undefined }, '/', temporary)).resolve()

  const have = async (name: string): Promise<HostTrees> =>
    parseTrees((await run({ script: readTrees({ name }) }))[0]!.output)

  /** As `up` prepares the host. */
  const prepare = async (name: string, options: AppOptions): Promise<void> =>
    void (await settle(host, [app(name, options).prepares({} as Host)].flat(9) as never))

  async function deliver(
    name: string,
    options: AppOptions,
    given?: Snapshot,
  ): Promise<{ snapshot: Snapshot; sent: number; log: string }> {
    const described = describeApp(name, options)
    const snapshot = given ?? (await snapshotOf(options.source))
    const upload = await uploadStep(described, snapshot, await have(name))
    const build = buildStep(described, runtimeFor(described, snapshot.files), snapshot)
    const [first, second] = await run(upload, { script: build })
    if (first!.code !== 0) throw uploadProblem(name, host.name, first!)
    if (second!.code !== 0) throw buildProblem(described, host.name, second!)
    return { snapshot, sent: upload.input.length, log: second!.output.toString() }
  }

  const on = async (script: string): Promise<string> => {
    const { code, stdout, stderr } = await host.exec(script)
    if (code !== 0) throw new Error(`${code}: ${stdout}${stderr}`)
    return stdout
  }

  /** Starts the command of `web` by hand, as a unit would, and says what `script` finds on port 8100. */
  async function serving(
    name: string,
    options: AppOptions,
    snapshot: Snapshot,
    script: string,
  ): Promise<string> {
    const described = describeApp(name, { ...options, domains: 'x.example.com' })
    const runtime = runtimeFor(described, snapshot.files)
    const { web } = processesOf(snapshot.files, runtime, described)
    const tree = `/srv/${name}/trees/${snapshot.id}`
    const env = { ...runtime?.env(tree), PORT: '8100', HOST: '127.0.0.1' }
    await host.exec('cat >/srv/web.sh', `cd ${tree} || exit 1\n${web!}\n`)
    const set = Object.entries(env).map(([key, value]) => `--setenv='${key}=${value}'`)
    return on(`systemd-run -q --collect --unit=web -p User=${name} -p KillMode=mixed -p PrivateTmp=yes -p ProtectSystem=strict ${set.join(' ')} sh /srv/web.sh
for i in $(seq 100); do curl -so /dev/null http://127.0.0.1:8100/ && break; sleep 0.1; done
${script}
systemctl stop web; systemctl is-failed --quiet web && { journalctl -u web; exit 1; }; ! ss -Hltn 'sport = :8100' | grep .`)
  }

  const site: AppOptions = { source: '.', runtime: 'static' }

  test(
    'a tree arrives as it was, whatever its files are called',
    { timeout: 300_000 },
    async () => {
      const names = [
        'index.html',
        'a b',
        "it's",
        'say "hi"',
        'two\nlines',
        'back\\slash',
        'ümlaut',
        '-dash',
        '*',
        '.hidden/x',
        `${'long/'.repeat(40)}${'n'.repeat(200)}`,
      ]
      const folder = repository(Object.fromEntries(names.map((name) => [name, `of ${name}`])))
      write(folder, { empty: '', twin: 'of a b' })
      chmodSync(join(folder, 'a b'), 0o755)
      symlinkSync('a b', join(folder, 'link'))
      symlinkSync(`/nowhere/${'x'.repeat(150)}`, join(folder, 'far'))
      commit(folder)
      const options = { ...site, source: folder }
      await prepare('shop', options)
      const { snapshot } = await deliver('shop', options)
      const list = `find . -mindepth 1 ! -type d -printf '%p %y %m %l\\0' | LC_ALL=C sort -z; find . -type f -print0 | LC_ALL=C sort -z | xargs -0 cat`
      const here = execFileSync(
        'sh',
        [
          '-c',
          `git archive HEAD | (mkdir ../out && cd ../out && tar -x --no-same-permissions && chmod -R go-w . && ${list})`,
        ],
        { cwd: folder },
      ).toString()
      const tree = `/srv/shop/trees/${snapshot.id}`
      expect(await on(`cd ${tree} && { ${list}; }`)).toBe(here)
      expect(await on(`find ${tree} ! -user root -o -perm /022 ! -type l`)).toBe('')
      // Times are made of contents: the same wherever it is delivered.
      expect(await on(`stat -c %Y ${tree}/empty`)).toBe('1296519682\n')
      expect(await on('ls -A /srv/shop/trees')).toBe(
        ['', '.files', '.source'].map((each) => `${snapshot.id}${each}\n`).join(''),
      )
      expect(await have('shop')).toMatchObject({ trees: [snapshot.id] })
      // The second time nothing is sent.
      expect((await deliver('shop', options)).sent).toBe(0)
    },
  )

  test(
    'only what differs is sent, and interrupted uploads leave nothing',
    { timeout: 300_000 },
    async () => {
      const folder = repository({
        'index.html': '1',
        'a.bin': randomBytes(3_000_000),
        'b.bin': randomBytes(1_000_000),
      })
      const options = { ...site, source: folder }
      await prepare('diff', options)
      const first = await deliver('diff', options)
      expect(first.sent).toBeGreaterThan(4_000_000)
      write(folder, { 'index.html': '2', 'sub/small': 'x' })
      git(folder, 'mv', 'a.bin', 'moved.bin')
      commit(folder)

      const snapshot = await snapshotOf(folder)
      const whole = await uploadStep({ name: 'diff' }, snapshot, noTrees)
      // Cut off in the middle: tar fails, nothing is there.
      const [cut] = await run({ ...whole, input: whole.input.subarray(0, 2_000_000) })
      expect(cut!.code).not.toBe(0)
      expect(uploadProblem('diff', 'web1', cut!)).toMatchObject({ code: 'upload-failed' })
      expect((await have('diff')).trees).toEqual([first.snapshot.id])
      // The host lost its power in the middle, or between upload and build.
      await on(
        `cd /srv/diff/trees && mkdir -p .new/source .old-x aaaaaaaaaaaa.source && touch .new/source/x aaaaaaaaaaaa.files`,
      )
      const second = await deliver('diff', options)
      expect(second.sent).toBeLessThan(2000)
      expect((await on('ls -A /srv/diff/trees')).trim().split('\n')).toHaveLength(6)
      expect(
        await on(
          `cd /srv/diff/trees; cmp ${first.snapshot.id}/a.bin ${second.snapshot.id}/moved.bin; cat ${second.snapshot.id}/index.html`,
        ),
      ).toBe('2')
      expect((await have('diff')).trees).toEqual([second.snapshot.id, first.snapshot.id])

      // What is not what it was is not built upon, and sending all of it puts that right.
      write(folder, { 'index.html': '3' })
      commit(folder)
      await on(`cd /srv/diff/trees && echo bad >> ${second.snapshot.id}.source/b.bin`)
      await expect(deliver('diff', options)).rejects.toMatchObject({
        message: expect.stringContaining('not those that were sent'),
      })
      const third = await snapshotOf(folder)
      const [again] = await run(await uploadStep({ name: 'diff' }, third, noTrees))
      expect(again!.code).toBe(0)

      // One that a release stands on stays.
      await on(
        `mkdir -p /srv/diff/releases/r.1 && ln -s ../../trees/${first.snapshot.id} /srv/diff/releases/r.1/tree`,
      )
      await run({ script: pruneTrees({ name: 'diff' }, []) })
      expect((await have('diff')).trees).toEqual([first.snapshot.id])
      expect((await on('ls -A /srv/diff/trees')).trim().split('\n')).toHaveLength(3)
    },
  )

  test(
    'a build has its own copy; one that fails leaves nothing but its log',
    { timeout: 300_000 },
    async () => {
      const folder = repository({ 'index.html': '1', data: 'source' })
      const options = (command: string, more = {}): AppOptions => ({
        ...site,
        source: folder,
        build: { command, ...more },
      })
      await prepare('built', options(':'))
      const bad = options(
        'echo changed >>data; ls /srv/built/trees; touch "$HOME/cache"; id -un; sleep 60 & echo the end; exit 7',
      )
      await expect(deliver('built', bad)).rejects.toMatchObject({
        code: 'build-failed',
        message: expect.stringContaining('exit code 7'),
        log: expect.stringMatching(/^[0-9a-f]{12}\nbuilt-build\nthe end$/),
      })
      expect(await on('ls -A /srv/built/trees; ls /srv/built/build; pgrep -u built-build; :')).toBe(
        'cache\n',
      )
      await expect(deliver('built', options('sleep 60', { timeout: 1 }))).rejects.toMatchObject({
        message: expect.stringContaining('within 1 s'),
      })
      await expect(
        deliver('built', options('ln -s /etc out', { output: 'out' })),
      ).rejects.toMatchObject({
        log: expect.stringContaining('no folder out'),
      })
      expect(await on('ls -A /srv/built/trees; ls -d /etc/passwd')).toBe('/etc/passwd\n')
      const good = options(
        'echo changed >>data; mkdir -p out/sub; pwd >out/where; chmod 0666 out/where; chmod 0700 out/sub; touch out/sub/x; chmod 4755 out/sub/x',
        { output: 'out' },
      )
      const { snapshot } = await deliver('built', good)
      const tree = `/srv/built/trees/${snapshot.id}`
      expect(
        await on(
          `cd ${tree}; cat where; find . -printf '%p %u %m\\n' | sort; cat ../${snapshot.id}.source/data`,
        ),
      ).toBe(`${tree}\n. root 755\n./sub root 755\n./sub/x root 755\n./where root 644\nsource`)
    },
  )

  test('what is built here is only shipped', { timeout: 300_000 }, async () => {
    const folder = repository({ 'index.html': '1' })
    const options: AppOptions = {
      ...site,
      source: folder,
      build: { command: 'mkdir dist; echo made >dist/index.html', where: 'here', output: 'dist' },
    }
    const described = describeApp('here', options)
    await prepare('here', options)
    const source = await snapshotOf(folder)
    const snapshot = await buildHere(described, undefined, source)
    expect(snapshot.id).toBe(source.id)
    await deliver('here', options, snapshot)
    expect(await on(`cd /srv/here/trees/${snapshot.id}; ls; cat index.html`)).toBe(
      'index.html\nmade\n',
    )
    const failing = describeApp('here', {
      ...options,
      build: { command: 'echo no; exit 3', where: 'here' },
    })
    await expect(buildHere(failing, undefined, source)).rejects.toMatchObject({
      code: 'build-failed',
      log: 'no',
    })
  })

  test('a static site is served', { timeout: 300_000 }, async () => {
    const folder = repository({
      'public/index.html': '<p>hello',
      'public/a.css': 'a{}',
      'public/404.html': 'nothing here',
      'public/docs/index.html': 'docs',
      'public/.env': 'x',
      Procfilex: '',
    })
    const options: AppOptions = { source: folder }
    await prepare('pages', options)
    const { snapshot } = await deliver('pages', options)
    const said = await serving(
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
    const folder = repository({
      'index.php': '<?php if ($_GET["s"] ?? 0) sleep(2); echo "php ", $_SERVER["REQUEST_URI"];',
      'a.css': 'a{}',
    })
    const options: AppOptions = { source: folder }
    await prepare('php', options)
    const { snapshot } = await deliver('php', options)
    const said = await serving(
      'php',
      options,
      snapshot,
      `
curl -s http://127.0.0.1:8100/any/path; echo
curl -s http://127.0.0.1:8100/a.css; echo
curl -s 'http://127.0.0.1:8100/?s=1' & curl=$!; sleep 0.5; systemctl stop web; wait $curl`,
    )
    expect(said).toBe('php /any/path\na{}\nphp /?s=1')
  })

  test("Python has a venv and Debian's gunicorn", { timeout: 300_000 }, async () => {
    const folder = repository({
      'wsgi.py': `import sys
def application(environ, start):
    start('200 OK', [])
    return [sys.prefix.encode()]
`,
    })
    const options: AppOptions = { source: folder }
    await prepare('py', options)
    const { snapshot } = await deliver('py', options)
    const said = await serving('py', options, snapshot, 'curl -s http://127.0.0.1:8100/')
    expect(said).toBe(`/srv/py/trees/${snapshot.id}/.venv`)
  })

  test('Node without dependencies needs no npm', { timeout: 300_000 }, async () => {
    const folder = repository({
      'package.json': JSON.stringify({ scripts: { start: 'node main.js' } }),
      'package-lock.json': JSON.stringify({ lockfileVersion: 3, packages: { '': {} } }),
      'main.js': `const server = require('http').createServer((_, answer) => answer.end('node ' + process.env.NODE_ENV))
server.listen(process.env.PORT, process.env.HOST)
process.on('SIGTERM', () => server.close(() => process.exit(0)))`,
    })
    const options: AppOptions = { source: folder }
    await prepare('js', options)
    const { snapshot } = await deliver('js', options)
    const said = await serving(
      'js',
      options,
      snapshot,
      'curl -s http://127.0.0.1:8100/; which npm; :',
    )
    expect(said).toBe('node production')
  })
})
