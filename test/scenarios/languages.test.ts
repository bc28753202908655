import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { commit, git, write } from '../lab/delivery.ts'
import { bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'
import { type Ended, Folder } from './cli.ts'
import { type Files, gemfile, greeters } from './greeters.ts'
import { fetchDependencies } from './registry.ts'

const quick = `instances: 1, env: { GREETING: 'hello' }, health: { timeout: 2, every: 0.5 }, rollout: { settle: 0.2, drain: 0.2 }`
const names = greeters.map(({ name }) => name)
const fleetOf = (more = ''): string => `import { app, balancer, fleet, role } from 'fettle'
export default fleet({
  hosts: { web1: {} },
  roles: [role('balancer', (host) => balancer(host)).on('web1')],
  apps: [
    ${names.map((name) => `app('${name}', { source: './${name}', domains: '${name}.test', ${quick} }).on('web1'),`).join('\n    ')}
    ${more}
  ],
})
`

/** An instance of an app that runs. */
interface Running {
  readonly unit: string
  readonly port: string
  readonly tree: string
  readonly user: string
  readonly command: string
}

describe.skipIf(!labAvailable)(`each language ${labMissing}`, () => {
  const hosts = bootForFile(1)
  let folder: Folder

  const on = async (script: string): Promise<string> => {
    const { code, output } = await hosts()[0]!.exec(script)
    expect(code, `${script}\n${output}`).toBe(0)
    return output.trim()
  }
  const fettle = (command: string, ...words: string[]): Promise<Ended> =>
    folder.fettle([command, '--lab', ...words])
  const ok = async (command: string, ...words: string[]): Promise<Ended> => {
    const ended = await fettle(command, ...words)
    expect(ended.code, `${command} ${words.join(' ')}\n${ended.stdout}\n${ended.stderr}`).toBe(0)
    return ended
  }
  /** The next commit of an app: these files and no others. */
  const commits = (name: string, ...files: readonly Files[]): void => {
    const app = join(folder.path, name)
    for (const each of readdirSync(app))
      if (each !== '.git') rmSync(join(app, each), { recursive: true })
    for (const each of files) write(app, each)
    git(app, 'add', '-A')
    git(app, 'commit', '-q', '--allow-empty', '-m', 'x')
  }
  const running = async (name: string): Promise<Running> => {
    const rows =
      await on(`systemctl list-units --no-legend --plain --state=active '${name}.*@*' | while read -r unit rest; do
  pid=$(systemctl show --value -p MainPID "$unit")
  echo "$unit $(readlink /proc/$pid/cwd) $(stat -c %U /proc/$pid) $(tr '\\0' ' ' </proc/$pid/cmdline)"
done`)
    const [, unit, port, tree, user, command] =
      /^(\S+@(\d+)\.service) (\S+) (\S+) ([^\n]+?) ?$/.exec(rows) ?? []
    expect(command, rows).toBeDefined()
    return { unit: unit!, port: port!, tree: tree!, user: user!, command: command! }
  }
  const ask = (name: string, path = '/'): Promise<string> =>
    on(`curl -sS -H 'Host: ${name}.test' http://127.0.0.1${path}`)

  beforeAll(async () => {
    if (!labAvailable) return
    folder = new Folder(hosts()).write('fleet.ts', fleetOf())
    for (const { name, files, procfile } of greeters) {
      write(join(folder.path, name), files('first'))
      if (procfile) folder.write(`${name}/Procfile`, procfile)
      git(join(folder.path, name), 'init', '-q')
      commit(join(folder.path, name))
    }
    // Everything that up installs is needed: nothing that Debian only recommends.
    await on(`echo 'APT::Install-Recommends "false";' >/etc/apt/apt.conf.d/lean
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/unsafe`)
    await ok('facts')
    await ok('up', '--yes')
    await fetchDependencies(hosts()[0]!, gemfile, join(folder.path, 'vendor'))
  }, 400_000)

  const dependencies = (name: string): Files => {
    const from = join(folder.path, 'vendor', { gems: 'gems', asgi: 'wheels' }[name] ?? 'none')
    const found = statSync(from, { throwIfNoEntry: false })
      ? readdirSync(from, { recursive: true, encoding: 'utf8' })
      : []
    const files = found.filter((each) => statSync(join(from, each)).isFile())
    return Object.fromEntries(files.map((each) => [each, readFileSync(join(from, each))]))
  }

  test.concurrent.for(greeters)(
    '$name: built, served, told to end; again with a Procfile; and without its registry',
    { timeout: 240_000 },
    async ({ name, files, procfile, runs, again, lost }, { expect }) => {
      commits(name, files('first'), dependencies(name))
      await ok('deploy', name)
      const first = await running(name)
      expect(first.command).toMatch(runs[0])
      expect(first.user).toBe(name)
      const [, host] = /^first hello (\S+) (\d+)$/.exec(await ask(name)) ?? []
      expect(await ask(name)).toBe(`first hello ${host} ${first.port}`)
      expect(await on(`find ${first.tree} ! -user root`)).toBe('')

      if (lost) {
        commits(name, files('lost'), lost.files)
        const { code, stderr } = await fettle('deploy', name)
        expect(stderr).toContain('error build-failed')
        expect(stderr).toMatch(lost.says)
        expect(code).toBe(1)
        expect(await running(name)).toEqual(first)
        expect(await ask(name)).toMatch(/^first /)
      }

      commits(name, files('second'), dependencies(name), procfile ? { Procfile: procfile } : {})
      const { stderr } = await ok('deploy', name)
      if (again) expect(stderr).toMatch(again)
      const second = await running(name)
      expect(second.command).toMatch(runs[1])
      expect(await ask(name)).toBe(`second hello ${host} ${second.port}`)

      const answer = await on(
        `curl -sS http://${host}:${second.port}/slow & sleep 0.7; systemctl stop ${second.unit}; wait; echo; systemctl show --value -p Result ${second.unit}`,
      )
      expect(answer).toBe(`second hello ${host} ${second.port}\nsuccess`)
    },
  )

  test('go: what is compiled already is not compiled again, nor a tree built twice', async () => {
    const cache = '/srv/go/build/.cache/go-build'
    const compiled = (newer: string): Promise<string> =>
      on(`find ${cache} -type f -user go-build ${newer} -name '*-d' | wc -l`)
    commits('go', greeters[0]!.files('third'))
    await on('touch /tmp/now')
    await ok('deploy', 'go')
    expect(await ask('go')).toMatch(/^third /)
    expect(Number(await compiled('! -newer /tmp/now'))).toBeGreaterThan(100)
    expect(Number(await compiled('-newer /tmp/now'))).toBeLessThan(10)
    const { stderr } = await ok('deploy', 'go', 'HEAD~1')
    expect(stderr).not.toContain('build')
  }, 60_000)

  test('go: a program from an archive', async () => {
    const { tree } = await running('go')
    const archive = await on(`tar -C ${tree} -cz bin go.mod | base64`)
    write(folder.path, {
      'packed.tar.gz': Buffer.from(archive, 'base64'),
      'fleet.ts': fleetOf(
        `app('packed', { source: './packed.tar.gz', domains: 'packed.test', ${quick} }).on('web1'),`,
      ),
    })
    await ok('up', '--yes')
    await ok('deploy', 'packed')
    expect((await running('packed')).command).toBe('bin/hello')
    expect(await ask('packed')).toMatch(/^second hello /)
  }, 60_000)

  const noGo = goMissing()
  test.skipIf(noGo)(
    `go: a program that is built here ${noGo}`,
    async () => {
      const options = `source: './go', domains: 'here.test', build: { where: 'here' }, ${quick}`
      write(folder.path, { 'fleet.ts': fleetOf(`app('here', { ${options} }).on('web1'),`) })
      await ok('up', '--yes')
      await ok('deploy', 'here')
      expect(await ask('here')).toMatch(/^third hello /)
    },
    60_000,
  )
})

function goMissing(): string {
  try {
    execFileSync('go', ['version'], { stdio: 'pipe' })
    return ''
  } catch {
    return 'there is no Go here'
  }
}
