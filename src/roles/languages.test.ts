import { describe, expect, test } from 'vitest'
import { planned } from '../../test/lab/converges.ts'
import { publish, sign } from '../../test/lab/debian.ts'
import { bootForFile, labAvailable, labSuite } from '../../test/lab/fixture.ts'
import { settle } from '../../test/lab/settle.ts'
import { absent, idOf } from '../model/resource.ts'
import { packages } from '../resources/package.ts'
import { nodejs } from './nodejs.ts'
import { python } from './python.ts'
import { ruby } from './ruby.ts'

const machine = (codename = 'bookworm', id = 'debian') => ({
  facts: {
    hostname: 'app1',
    os: { id, version: '12', codename },
    architecture: 'x86_64',
    kernel: '6.1',
    cpus: 2,
    memory: 1.9 * 1024 ** 3,
    addresses: [],
  },
})

const key = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n'

/** What happened and what to do next. */
function words(describe: () => unknown): string {
  try {
    return JSON.stringify(describe())
  } catch (error) {
    return JSON.stringify(error)
  }
}

test("a distribution's own version needs nothing else", () => {
  for (const [codename, version] of [
    ['bookworm', 18],
    ['trixie', 20],
    ['noble', 18],
  ] as const)
    expect(nodejs(machine(codename), { version }).map(idOf)).toEqual([
      'package:nodejs',
      'package:npm',
    ])
  expect(python(machine('trixie'), { version: '3.13' })).toHaveLength(3)
  expect(ruby(machine('trixie'), { version: '3.3' })).toHaveLength(2)
  // Nor does one that nobody has asked about.
  expect(nodejs(machine('forky'))).toHaveLength(2)
})

test('another version says where it is to be had', () => {
  expect(words(() => nodejs(machine(), { version: 22 }))).toMatch(
    /nodejs: version is 22, and debian 12 has 18.*keySource: 'nodesource.asc'.*6F71F525282841EEDAF851B42F59B5F99B1BE0B4/,
  )
  const [source, node, ...more] = nodejs(machine(), { version: 22, upstream: { key } })
  expect(source).toMatchObject({
    desired: { uris: ['https://deb.nodesource.com/node_22.x'], suites: ['nodistro'] },
  })
  expect(node).toMatchObject({ name: 'nodejs', desired: { version: '22.*' } })
  expect(more).toEqual([])
  expect(words(() => python(machine(), { version: '3.12' }))).toMatch(
    /debian 12 has 3.11.*version 3.11, or a host with noble/,
  )
  expect(
    python(machine('noble', 'ubuntu'), { version: '3.13', upstream: { key }, build: true }).map(
      idOf,
    ),
  ).toEqual([
    'apt-repository:deadsnakes',
    'package:python3.13',
    'package:python3.13-venv',
    'package:python3.13-dev',
    'package:build-essential',
  ])
  expect(() =>
    python(machine('noble', 'ubuntu'), {
      version: '3.13',
      upstream: { key },
      venvs: { '/opt/a': [] as string[], '/opt/b': ['x'] },
    }),
  ).toThrow(/venvs/)
  expect(words(() => ruby(machine(), { version: '3.3' }))).toMatch(
    /debian 12 has 3.1.*host with trixie/,
  )
})

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()
  const has =
    labSuite === 'bookworm'
      ? { node: '18', python: '3 11', ruby: '3.1' }
      : { node: '20', python: '3 13', ruby: '3.3' }
  const run = async (script: string): Promise<string> => {
    const { code, output } = await hosts()[0]!.exec(script)
    if (code !== 0) throw new Error(output)
    return output.trim()
  }

  test('Node.js of Debian, taken away by hand, and gone', async () => {
    const [host] = hosts()
    const all = nodejs(machine(labSuite))
    await settle(host!, all)
    expect(await planned(host!, all)).toEqual([])
    expect(
      await run(`node -p 'process.versions.node.split(".")[0] + [1, 2].map((n) => n * 2)'`),
    ).toBe(`${has.node}2,4`)
    expect(await run('cd /tmp && npm --version')).toMatch(/^\d+\./)
    await run('apt-get -qq remove -y nodejs >/dev/null 2>&1')
    await settle(host!, all)
    expect(await planned(host!, all)).toEqual([])
    const gone = absent(packages(['nodejs'], { purge: true }))
    await settle(host!, gone)
    expect(await planned(host!, gone)).toEqual([])
  }, 400_000)

  test('a version from upstream, and no other', async () => {
    const [host] = hosts()
    await run('apt-get -qq install -y gnupg >/dev/null 2>&1')
    await publish(host!, '/srv/upstream', [
      { name: 'nodejs', version: '22.9.0-1nodesource1', conffile: 'twenty-two' },
      { name: 'nodejs', version: '23.1.0-1nodesource1', conffile: 'twenty-three' },
    ])
    const armored = await sign(host!, '/srv/upstream')
    // The mirror has no suites, as the real one has: the description is as NodeSource's but for that.
    const all = nodejs(machine(labSuite), {
      version: 22,
      upstream: { key: armored, uris: 'file:/srv/upstream' },
    })
    const [source, ...rest] = all as [{ desired: object }, ...typeof all]
    const flat = { ...source, desired: { ...source.desired, suites: ['./'], components: [] } }
    const here = [flat as (typeof all)[0], ...rest]
    await settle(host!, here)
    expect(await planned(host!, here)).toEqual([])
    expect(await run('cat /etc/nodejs.conf')).toBe('twenty-two')
  }, 120_000)

  test('Python with an environment of its own', async () => {
    const [host] = hosts()
    const all = python(machine(labSuite))
    await settle(host!, all)
    expect(await planned(host!, all)).toEqual([])
    expect(
      await run(
        'python3 -m venv /opt/try && /opt/try/bin/python -c "import sys; print(sys.prefix, *sys.version_info[:2])"',
      ),
    ).toBe(`/opt/try ${has.python}`)
  }, 200_000)

  test('Ruby with Bundler, and what is compiled for it', async () => {
    const [host] = hosts()
    const all = ruby(machine(labSuite), { build: true })
    await settle(host!, all)
    expect(await planned(host!, all)).toEqual([])
    expect(await run('ruby -e "puts RUBY_VERSION[/\\d+.\\d+/], [3, 1].sort.inspect"')).toBe(
      `${has.ruby}\n[1, 3]`,
    )
    expect(await run('bundle --version')).toMatch(/^Bundler version 2/)
    expect(
      await run(`mkdir -p /tmp/ext && cd /tmp/ext && echo 'require "mkmf"; create_makefile("ext")' >extconf.rb &&
printf '#include <ruby.h>\\nvoid Init_ext(void) { rb_define_global_const("MADE", INT2FIX(7)); }' >ext.c &&
ruby extconf.rb >/dev/null && make >/dev/null 2>&1 && ruby -I. -rext -e 'puts MADE'`),
    ).toBe('7')
  }, 400_000)
})
