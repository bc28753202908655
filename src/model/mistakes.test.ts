import { describe, expect, test } from 'vitest'
import { errorOf, mistake } from '../../test/contracts/mistake.ts'
import { Project } from '../cli/project.ts'

describe('a description that is no description', () => {
  test('is not TypeScript', async () => {
    const { error, message } = await errorOf('export default fleet({')
    expect(error).toMatchObject({ code: 'description-broken', state: 'No host was contacted.' })
    expect(message).toMatch(
      /could not be loaded: .*ParseError: Unexpected token.*\n \.\/fleet\.ts:1:22$/,
    )
  })

  test('throws an error of its own', async () => {
    const { message } = await errorOf("\n\nthrow new TypeError('my own mistake')\n")
    expect(message).toMatch(
      /^\.\/fleet\.ts could not be loaded: TypeError: my own mistake\n +at .*\.\/fleet\.ts:3:/,
    )
  })

  test('imports what is not there', async () => {
    const { message } = await errorOf("import './nothing.ts'\n")
    expect(message).toContain("Cannot find module './nothing.ts'")
  })

  test('exports no fleet', async () => {
    expect(await mistake('export default { hosts: {}, roles: [] }')).toMatchInlineSnapshot(`
      "description-not-a-fleet
      ./fleet.ts does not export a fleet.
      Write \`export default fleet(...)\` with hosts and roles; \`fettle init\` shows how."
    `)
  })

  test('is not there', () => {
    expect(() => Project.find('/srv/nothing.ts')).toThrow(
      expect.objectContaining({ code: 'description-not-found' }),
    )
  })
})

describe('placing roles', () => {
  const placing = (where: string): string => `import { fleet, role } from 'fettle'
const web = role('web', () => [])

export default fleet({
  hosts: { web1: { labels: { zone: 'a' } }, web2: { labels: { zone: 'b' } }, db: {} },
  roles: [
    web.on('*'),
    ${where}, // here
  ],
})
`

  test('on a host that is not there, with the name that is nearest', async () => {
    expect(await mistake(placing("web.on('web1', 'wbe2')"))).toMatchInlineSnapshot(`
      "unknown-host
      Role web is placed on wbe2, which is not a host of this fleet.
      Write web2."
    `)
  })

  test('on a host that is like none', async () => {
    expect(await mistake(placing("web.on('mailserver')"))).toMatchInlineSnapshot(`
      "unknown-host
      Role web is placed on mailserver, which is not a host of this fleet.
      Write one of web1, web2, db."
    `)
  })

  test('on hosts with a label that none has', async () => {
    expect(await mistake(placing("web.on({ zone: 'c' })"))).toMatchInlineSnapshot(`
      "unmatched-label
      Role web is placed on hosts with zone=c, which no host has.
      Add the label to a host, or write one of { zone: 'a' }, { zone: 'b' }."
    `)
  })

  test('on hosts with two labels that none has together', async () => {
    expect(await mistake(placing("web.on({ zone: 'a', tier: 'data' })"))).toMatchInlineSnapshot(`
      "unmatched-label
      Role web is placed on hosts with zone=a and tier=data, which no host has.
      Add the label to a host, or write one of { zone: 'a' }, { zone: 'b' }."
    `)
  })
})

describe('hosts', () => {
  const host = (text: string): string => `import { fleet } from 'fettle'

export default fleet({ hosts: { ${text} }, roles: [] }) // here
`

  test.each([
    ["'web 1': {}", 'its name is not a host name'],
    ["'-oProxyCommand': {}", 'its name is not a host name'],
    ["web1: { address: '-oProxyCommand=reboot' }", 'its address cannot be'],
    ["web1: { address: 'a b' }", 'its address cannot be "a b"'],
    ["web1: { login: 'ro\\not' }", 'its login cannot be "ro\\not"'],
    ['web1: { port: 0 }', 'its port cannot be 0'],
    ['web1: { port: 22.5 }', 'its port cannot be 22.5'],
  ])('%s', async (text, words) => {
    const said = await mistake(host(text))
    expect(said).toContain('invalid-host')
    expect(said).toContain(words)
  })
})
