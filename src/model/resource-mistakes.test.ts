import { relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { errorOf, mistake, withRole } from '../../test/contracts/mistake.ts'

describe('resources', () => {
  test('of a kind that wants another value', async () => {
    const source = withRole(
      "return [file('/etc/motd', { content: 'x', mode: 644 as never })] // here",
    )
    expect(await mistake(source)).toMatchInlineSnapshot(`
      "invalid-resource
      file:/etc/motd: mode cannot be 644.
      Write octal permissions as a text, such as '0644'."
    `)
  })

  test('with a name that is none', async () => {
    const source = withRole("return directory('srv/shop/') // here")
    expect(await mistake(source)).toMatchInlineSnapshot(`
      "invalid-resource
      directory:srv/shop/: its name cannot be "srv/shop/".
      Write an absolute path without '.', '..' or a slash at the end, such as '/etc/motd'."
    `)
  })

  test('that leave out what is needed', async () => {
    const source = withRole("return link('/etc/x', {} as never) // here")
    expect(await mistake(source)).toMatchInlineSnapshot(`
      "invalid-resource
      link:/etc/x: to is missing.
      Write a text that is not empty."
    `)
  })

  test('with a user who is no name', async () => {
    const source = withRole("return file('/etc/x', { user: 'root; reboot' }) // here")
    expect(await mistake(source)).toMatchInlineSnapshot(`
      "invalid-resource
      file:/etc/x: user cannot be "root; reboot".
      Write a user's name."
    `)
  })

  test('that are none', async () => {
    const source = `import { file, fleet, role } from 'fettle'
const web = role('web', () => [file('/etc/x'), { path: '/etc/y' } as never]) // here
export default fleet({ hosts: { web1: {} }, roles: [web.on('*')] })
`
    expect(await mistake(source)).toMatchInlineSnapshot(`
      "not-a-resource
      Role web returned {"path":"/etc/y"} among its resources.
      Return resources such as file(...) or packages(...), in nested lists if you like; false, null and undefined are left out."
    `)
  })

  test('that name two things at one path', async () => {
    const source = withRole(
      "const first = file('/srv/x')",
      "const second = directory('/srv/x') // here",
      'return [first, second]',
    )
    expect(await mistake(source)).toMatchInlineSnapshot(`
      "claimed-twice
      path /srv/x on web1 is claimed twice: here and at ./fleet.ts:9.
      Keep one of the two, or give one another name."
    `)
  })

  test('that describe one file in two ways', async () => {
    const source = withRole(
      "return [file('/etc/x', { content: 'a' }),",
      "file('/etc/x', { content: 'b' })] // here",
    )
    expect(await mistake(source)).toMatchInlineSnapshot(`
      "claimed-twice
      file:/etc/x on web1 is claimed twice: here and at ./fleet.ts:9.
      Keep one of the two, or give one another name."
    `)
  })

  test('that want one file there and gone', async () => {
    const source = withRole("return [file('/etc/x'),", "absent(file('/etc/x'))] // here")
    expect(await mistake(source)).toMatchInlineSnapshot(`
      "claimed-twice
      file:/etc/x on web1 is claimed twice: here and at ./fleet.ts:9.
      Keep one of the two, or give one another name."
    `)
  })

  test('that wait for what is not described', async () => {
    const source = withRole("return file('/etc/x', { after: 'package:nginx' }) // here")
    expect(await mistake(source)).toMatchInlineSnapshot(`
      "unknown-dependency
      file:/etc/x on web1 refers to package:nginx, which is not described there.
      Return package:nginx from a role of web1 as well, or remove the reference."
    `)
  })

  test('that notify what is not described', async () => {
    const source = withRole(
      "return file('/etc/x', { notify: { target: 'service:nginx', action: 'reload' } }) // here",
    )
    expect(await mistake(source)).toMatchInlineSnapshot(`
      "unknown-dependency
      file:/etc/x on web1 refers to service:nginx, which is not described there.
      Return service:nginx from a role of web1 as well, or remove the reference."
    `)
  })

  test('that notify what has no actions', async () => {
    const source = withRole(
      "const to = file('/etc/to')",
      "return [to, file('/etc/x', { notify: all.restart('service:x') && { target: 'file:/etc/to', action: 'restart' } })] // here",
    )
    expect(await mistake(source)).toMatchInlineSnapshot(`
      "unknown-action
      file:/etc/x notifies file:/etc/to, which cannot restart.
      Write something that has actions, such as a service."
    `)
  })

  test('that ask a service for what it cannot do', async () => {
    const source = withRole(
      "const nginx = all.service('nginx')",
      "return [nginx, file('/etc/x', { notify: { target: 'service:nginx', action: 'relaod' } })] // here",
    )
    expect(await mistake(source)).toMatchInlineSnapshot(`
      "unknown-action
      file:/etc/x notifies service:nginx, which cannot relaod.
      Write reload."
    `)
  })

  test('that wait for each other', async () => {
    const source = withRole(
      "const a = file('/a', { after: 'file:/c' }) // here",
      "const b = file('/b', { after: a })",
      "const c = file('/c', { after: b })",
      'return [a, b, c]',
    )
    expect(await mistake(source)).toMatchInlineSnapshot(`
      "dependency-cycle
      These wait for each other on web1: file:/a -> file:/c -> file:/b -> file:/a.
      Remove one \`after\` of the circle."
    `)
  })

  test('that wait for themselves', async () => {
    const source = withRole("return file('/a', { after: 'file:/a' }) // here")
    expect(await mistake(source)).toMatchInlineSnapshot(`
      "dependency-cycle
      These wait for each other on web1: file:/a -> file:/a.
      Remove one \`after\` of the circle."
    `)
  })
})

describe('values', () => {
  test('that no var gives', async () => {
    const source = withRole(
      "return file('/etc/x', { content: (host.vars as any).greting }) // here",
    )
    expect(await mistake(source)).toMatchInlineSnapshot(`
      "unknown-var
      Host web1 has no var greting.
      Set greting in the vars of web1 or of the fleet, or write greeting."
    `)
  })

  test('that a template does not get', async () => {
    const source = withRole("return file('/etc/x', { template: 'x.eta', values: { port: 80 } })")
    const template = 'first\nlisten <%= it.prot %>; // here\nlast\n'
    expect(await mistake(source, { 'x.eta': template })).toMatchInlineSnapshot(`
      "template-undefined-name
      Template ./x.eta, line 2: it.prot is not defined.
      Pass it.prot in the values of template(...), or write port."
    `)
  })

  test('that is not in an object that a template gets', async () => {
    const source = withRole("return file('/etc/x', { template: 'x.eta', values: { host } })")
    const template =
      'name <%= it.host.name %> <%= JSON.stringify(it.host.labels) %>\n<%= it.host.nmae %> // here\n'
    expect(await mistake(source, { 'x.eta': template })).toMatchInlineSnapshot(`
      "template-undefined-name
      Template ./x.eta, line 2: it.host.nmae is not defined.
      Pass it.host.nmae in the values of template(...), or write name."
    `)
  })

  test('of a template that is not there', async () => {
    const source = withRole("return file('/etc/x', { template: 'templates/x.eta' }) // here")
    expect(await mistake(source)).toMatchInlineSnapshot(`
      "template-not-found
      There is no template or source file at ./templates/x.eta.
      Paths are relative to the file that names them. Correct the path or create the file."
    `)
  })

  test('of a template that is broken', async () => {
    const source = withRole("return file('/etc/x', { template: 'x.eta', values: {} }) // here")
    const said = await mistake(source, { 'x.eta': '<% if (true) { %>\n' })
    expect(said).toMatch(
      /^template-broken\nTemplate \.\/x\.eta could not be rendered: Bad template/,
    )
    expect(said).toContain("Unexpected token ')'")
  })

  test('of a source that is not there', async () => {
    const source = withRole("return file('/etc/x', { source: 'x.conf' }) // here")
    expect(await mistake(source)).toMatchInlineSnapshot(`
      "template-not-found
      There is no template or source file at ./x.conf.
      Paths are relative to the file that names them. Correct the path or create the file."
    `)
  })

  test('of an environment that does not have them', async () => {
    const source = withRole(
      "return file('/etc/x', { content: all.Secret.env('FETTLE_NOT_SET').toString() })",
    )
    expect(await mistake(source)).toMatchInlineSnapshot(`
      "secret-missing
      Secret FETTLE_NOT_SET has no value: the environment variable is not set.
      Set FETTLE_NOT_SET in your environment and run again."
    `)
  })
})

test('a mistake in a file beside the description is named there', async () => {
  const source = `import { fleet } from 'fettle'
import { base } from './roles/base.ts'
export default fleet({ hosts: { web1: {} }, roles: [base.on('*')] })
`
  const base = `import { file, role } from 'fettle'

const motd = (text: string) =>
  file('/etc/motd', { content: text, mode: 'rw' }) // here

export const base = role('base', () => motd('hello'))
`
  expect(await mistake(source, { 'roles/base.ts': base })).toMatchInlineSnapshot(`
    "invalid-resource
    file:/etc/motd: mode cannot be "rw".
    Write octal permissions as a text, such as '0644'."
  `)
})

test('templates and sources are found beside the file that names them', async () => {
  const { error, folder } = await errorOf(
    `import { fleet } from 'fettle'
import { base } from './roles/base.ts'
export default fleet({ hosts: { web1: {} }, roles: [base.on('*')] })
`,
    {
      'roles/base.ts': `import { file, role } from 'fettle'
export const base = role('base', () => file('/etc/motd', { template: 'motd.eta' }))
`,
      'roles/motd.eta': '<%= it.here %>',
    },
  )
  expect(relative(folder, error.at!.file)).toBe('roles/motd.eta')
})
