import { chmodSync, existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Ended, Folder } from './cli.ts'

const fleet = `import { app, fleet, secret } from 'fettle'
const shop = app('shop', {
  source: './shop',
  env: { MAIL: \`smtp://\${secret('smtp-password')}@mail\`, COLOR: 'green' },
})
export default fleet({ hosts: { web1: {} }, apps: [shop.on('web1')] })
`

/** A folder in which several people work, each with an identity of their own. */
class Team {
  readonly folder: Folder = new Folder().write('fleet.ts', fleet)

  run(person: string, words: readonly string[], input = '', env = {}): Promise<Ended> {
    const own = { FETTLE_IDENTITY: join(this.folder.path, 'keys', person), ...env }
    return this.folder.fettle(words, { env: own, input })
  }

  async done(person: string, words: readonly string[], input?: string, env?: {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(person, words, input, env)
    expect(code, stderr).toBe(0)
    return stdout
  }

  async key(person: string): Promise<string> {
    const shown = await this.done(person, ['secrets', 'who', '--json'])
    return (JSON.parse(shown) as { own: string }).own
  }
}

/** Ada has set two values; bob can read them. */
async function team(): Promise<Team> {
  const made = new Team()
  await made.done('ada', ['secrets', 'set', 'smtp-password'], 'hunter2hunter2\n')
  await made.done('ada', ['secrets', 'set', 'shop.KEY'], 'one\ntwo\n')
  await made.done('ada', ['secrets', 'add', 'bob', await made.key('bob')])
  return made
}

describe('secrets', () => {
  test('are set by one, read by another, and seen only where that is asked for', async () => {
    const made = await team()
    expect(made.folder.read('secrets.yaml')).not.toContain('hunter2')
    expect(await made.done('bob', ['secrets', 'get', 'shop.KEY'])).toBe('one\ntwo\n')
    made.folder
      .write('shop/Procfile', 'web: ./server\n')
      .write('env/shop.env', 'COLOR=red\nSIZE="4 m" # square\n')
    expect(await made.done('bob', ['env', 'shop'])).toMatchInlineSnapshot(`
      "COLOR  description      green
      HOST   instance         (its own)
      KEY    secret shop.KEY  «secret shop.KEY»
      MAIL   description      smtp://«secret smtp-password»@mail
      PORT   instance         (its own)
      SIZE   .env             4 m
      "
    `)
    const document = await made.done('bob', ['env', 'shop', '--json'])
    expect(JSON.parse(document)).toMatchObject({ type: 'env', app: 'shop' })
    expect(document).not.toMatch(/hunter|one/)
    const all = ['list', 'who'].map((each) => made.done('ada', ['secrets', each]))
    expect((await Promise.all(all)).join()).not.toMatch(/hunter2|two/)
    for (const name of readdirSync(made.folder.path, { recursive: true, encoding: 'utf8' })) {
      const path = join(made.folder.path, name)
      if (statSync(path).isFile()) expect(readFileSync(path, 'utf8'), name).not.toMatch('hunter2')
    }
  })

  test('nobody else can, and is told who could help', async () => {
    const made = await team()
    const none = await made.run('eve', ['env', 'shop'])
    expect(none.code).toBe(2)
    expect(none.stderr).toContain('error identity-missing')
    const key = await made.key('eve')
    const closed = await made.run('eve', ['env', 'shop'])
    expect(closed.stderr).toContain('error secret-closed')
    expect(closed.stderr).toMatch(/\(\S+, bob\)|\(bob, \S+\)/)
    expect(closed.stderr).toContain(`fettle secrets add YOUR-NAME ${key}`)
  })

  test('a name that is not there is an error on its line, with the nearest one', async () => {
    const made = await team()
    made.folder.write('fleet.ts', fleet.replace('smtp-password', 'smtp-pasword'))
    const { stderr } = await made.run('ada', ['env', 'shop'])
    expect(stderr).toContain('error secret-missing  fleet.ts:4')
    expect(stderr).toContain('or write smtp-password.')
  })

  test('removing a person lists what is to be set anew, until it is', async () => {
    const made = await team()
    await made.done('ada', ['secrets', 'set', 'shop.LATER'], 'x')
    const removed = await made.done('ada', ['secrets', 'remove', 'bob'])
    expect(removed.replaceAll(/\d{4}-\d\d-\d\d/g, 'DATE')).toMatchInlineSnapshot(`
      "bob is removed, and can read no value that is set from now on.
      What is in git stays readable there. Change these where they come from, then set them anew:
        shop.KEY       last set DATE
        shop.LATER     last set DATE
        smtp-password  last set DATE
      "
    `)
    expect((await made.run('bob', ['secrets', 'get', 'shop.KEY'])).code).toBe(2)
    await made.done('ada', ['secrets', 'set', 'shop.KEY'], 'new')
    const list = await made.done('ada', ['secrets', 'list'])
    expect(list.split('\n').filter((line) => line.includes('bob could read it'))).toHaveLength(2)
  })

  test('edit encrypts anew only what was changed, and leaves nothing behind', async () => {
    const made = await team()
    const blocks = (): string[] => made.folder.read('secrets.yaml').split(/\n(?= {2}\S+:\n)/)
    const before = blocks()
    const edit = `sh -c 'pwd -P >/dev/null; echo "$1" >path; stat -c %a "$1" >mode; sed -i s/hunter2hunter2/other/ "$1"; echo "more: \\"1\\"" >>"$1"' x`
    const shown = await made.done('ada', ['secrets', 'edit'], '', { EDITOR: edit, VISUAL: '' })
    expect(shown).toBe('~ smtp-password\n+ more\n')
    expect(blocks().filter((block) => before.includes(block))).toHaveLength(before.length - 1)
    expect(await made.done('bob', ['secrets', 'get', 'smtp-password'])).toBe('other\n')
    expect(await made.done('bob', ['secrets', 'get', 'more'])).toBe('1\n')
    expect(made.folder.read('mode')).toBe('600\n')
    expect(existsSync(made.folder.read('path').trim())).toBe(false)
    const text = made.folder.read('secrets.yaml')
    for (const EDITOR of ['true', 'false', `sh -c 'echo "a: [" >"$1"' x`]) {
      const { stderr } = await made.run('ada', ['secrets', 'edit'], '', { EDITOR, VISUAL: '' })
      if (EDITOR !== 'true') expect(stderr).toContain('error edit-failed')
      expect(made.folder.read('secrets.yaml')).toBe(text)
    }
    await made.done('ada', ['secrets', 'edit'], '', { EDITOR: `sed -i /more/d`, VISUAL: '' })
    expect(made.folder.read('secrets.yaml')).not.toContain('more')
  })

  test('the same value again changes nothing; rotate changes all, for a new identity too', async () => {
    const made = await team()
    const before = made.folder.read('secrets.yaml')
    const same = await made.done('ada', ['secrets', 'set', 'smtp-password'], 'hunter2hunter2')
    expect(same).toBe('smtp-password has this value already.\n')
    expect(made.folder.read('secrets.yaml')).toBe(before)
    const former = await made.key('ada')
    await made.done('ada', ['secrets', 'rotate', '--identity'])
    expect(await made.key('ada')).not.toBe(former)
    expect(made.folder.read('secrets.yaml')).not.toContain(former)
    expect(await made.done('ada', ['secrets', 'get', 'shop.KEY'])).toBe('one\ntwo\n')
    made.folder.write('secrets.yaml', before)
    expect(await made.done('ada', ['secrets', 'get', 'shop.KEY'])).toBe('one\ntwo\n')
  })

  test('an identity is for its owner only', async () => {
    const made = await team()
    const path = join(made.folder.path, 'keys', 'ada')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    chmodSync(path, 0o644)
    const { stderr } = await made.run('ada', ['secrets', 'get', 'shop.KEY'])
    expect(stderr).toContain('error identity-unusable')
    expect(stderr).toContain(`chmod 600 ${path}`)
  })

  test('a terminal does not show what is typed', async () => {
    const made = new Team()
    const env = { FETTLE_IDENTITY: join(made.folder.path, 'id') }
    const options = { env, terminal: true, input: 'open' } as const
    const started = made.folder.start(['secrets', 'set', 'x'], options)
    await started.until('Value of x: ')
    started.child.stdin!.write('hunter3\b2\r')
    const { code, stdout } = await started.ended
    expect([code, stdout]).toEqual([0, expect.not.stringContaining('hunter')])
    const shown = await made.folder.fettle(['secrets', 'get', 'x'], { env })
    expect(shown.stdout).toBe('hunter2\n')
  })
})
