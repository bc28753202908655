import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { Folder } from './cli.ts'

// Nothing answers at these addresses: whoever tried would say so after ten seconds.
const fleetWith = (apps: string, roles = ''): string =>
  `import { app, balancer, fleet, role, secret } from 'fettle'
export default fleet({
  hosts: { web1: { address: '203.0.113.1' }, web2: { address: '203.0.113.2' } },
  roles: [${roles}],
  apps: [${apps}],
})
`
const lb = `role('balancer', (host) => balancer(host)).on('web2')`
const app = (name: string, options = '', where = 'web1'): string =>
  `app('${name}', { source: './app', domains: '${name}.test', ${options} }).on('${where}')`

interface Mistake {
  readonly what: string
  readonly fleet?: string
  readonly procfile?: string
  readonly env?: string
  readonly words?: readonly string[]
  readonly code: string
  /** What the error names, or what it says to do. */
  readonly says: string
}

const shop = fleetWith(app('shop'), lb)
const mistakes: readonly Mistake[] = [
  {
    what: 'a domain claimed twice',
    fleet: fleetWith(`${app('shop')}, ${app('blog', "domains: ['x.test', 'SHOP.test']")}`, lb),
    code: 'domain-claimed-twice',
    says: 'shop.test is claimed by the apps',
  },
  {
    what: 'the same ports on one host',
    fleet: fleetWith(`${app('shop', 'port: 12000')}, ${app('blog', 'port: 12099')}`, lb),
    code: 'ports-overlap',
    says: 'from 12099 on',
  },
  {
    what: 'a name with a slash',
    fleet: fleetWith(app('shop/../x'), lb),
    code: 'invalid-app',
    says: '"shop/../x"',
  },
  {
    what: 'an env name that is none',
    fleet: fleetWith(app('shop', "env: { 'a-b': 'c' }"), lb),
    code: 'invalid-app',
    says: 'env cannot be {"a-b":"c"}',
  },
  {
    what: 'such a name in its env file',
    env: 'A B=1\n',
    code: 'env-file-broken',
    says: 'shop.env',
  },
  {
    what: 'a secret that is missing',
    fleet: fleetWith(app('shop', "env: { KEY: secret('shop.KEY') }"), lb),
    code: 'secret-missing',
    says: 'fettle secrets set shop.KEY',
  },
  {
    what: 'no web in the Procfile',
    procfile: 'worker: true\n',
    code: 'process-web-missing',
    says: 'Procfile',
  },
  {
    what: 'a Procfile that is none',
    procfile: 'web true\n',
    code: 'procfile-broken',
    says: 'line 1',
  },
  {
    what: 'a revision that is not there',
    words: ['deploy', 'shop', 'mian'],
    code: 'revision-unknown',
    says: 'main',
  },
  {
    what: 'a revision that looks like a flag',
    words: ['deploy', 'shop', '--', '--output=/tmp/x'],
    code: 'revision-unknown',
    says: '--output=/tmp/x',
  },
  ...[
    ['deploy', 'shpo'],
    ['scale', 'shpo', 'web=1'],
    ['maintenance', 'shpo', 'on'],
    ['exec', 'shpo', '--', 'true'],
  ].map((words) => ({
    what: `${words[0]} of an unknown app`,
    words,
    code: 'unknown-app',
    says: 'shop',
  })),
  ...['web', 'web=-1', 'web=51', 'Web=1'].map((word) => ({
    what: `scale ${word}`,
    words: ['scale', 'shop', word],
    code: 'usage',
    says: word,
  })),
  {
    what: 'maintenance that is neither on nor off',
    words: ['maintenance', 'shop', 'maybe'],
    code: 'usage',
    says: 'maybe',
  },
  {
    what: 'no balancer',
    fleet: fleetWith(app('shop')),
    code: 'app-without-balancer',
    says: 'balancer',
  },
  { what: 'a deploy before up', code: 'app-not-prepared', says: 'fettle up' },
  {
    what: 'no source',
    fleet: fleetWith(app('shop', "source: './nowhere'"), lb),
    code: 'source-missing',
    says: 'nowhere',
  },
]

function folderOf({ fleet = shop, procfile = 'web: true\n', env }: Mistake): Folder {
  const folder = new Folder().write('fleet.ts', fleet).write('app/Procfile', procfile)
  if (env !== undefined) folder.write('env/shop.env', env)
  const git = (...words: readonly string[]): unknown =>
    execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=a@example.com', ...words], {
      cwd: `${folder.path}/app`,
    })
  git('init', '--quiet', '--initial-branch=main')
  git('add', '--all')
  git('commit', '--quiet', '-m', 'first')
  return folder
}

const folders = new Map<string, Folder>()

/** One folder for all mistakes that are only words. */
function sharedFolderOf(mistake: Mistake): Folder {
  const { fleet, procfile, env } = mistake
  const key = JSON.stringify([fleet, procfile, env])
  const folder = folders.get(key) ?? folderOf(mistake)
  folders.set(key, folder)
  return folder
}

describe('mistakes that are found before a host is contacted', () => {
  test.each(mistakes)('$what', async (mistake) => {
    const [command, ...rest] = mistake.words ?? ['deploy', 'shop']
    const { code, stdout } = await sharedFolderOf(mistake).fettle([command!, '--json', ...rest])
    const { error } = JSON.parse(stdout) as { error: Record<string, string> }
    expect(error).toMatchObject({ code: mistake.code })
    expect(`${error['what']} ${error['next']}`).toContain(mistake.says)
    expect(error['state']).toMatch(/No host was contacted|Nothing was/)
    expect(code).toBe(2)
  })
})
