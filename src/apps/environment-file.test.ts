import * as fc from 'fast-check'
import { describe, expect } from 'vitest'
import { Secret, reveal } from '../base/secret.ts'
import { describeApp } from '../model/app.ts'
import { type TestHost, labAvailable, labMissing, test } from '../../test/lab/fixture.ts'
import { type EnvEntry, envOf } from './env.ts'
import { environmentFile, namesIn } from './environment-file.ts'

const unit = `[Service]
Type=oneshot
EnvironmentFile=/root/env
ExecStart=/bin/sh -c 'env -0 > /root/seen'
`

const hostile = [
  '',
  ' ',
  ' both ends ',
  '"',
  "it's",
  '"quoted"',
  "'quoted'",
  '\\',
  '\\\\',
  'ends with \\',
  '\\n \\t \\x41 \\$ \\" \\`',
  '$HOME ${HOME} $$ $(id) `id`',
  '%n %h %% %',
  '# no comment',
  'a # b ; c',
  '; no comment',
  'one\ntwo\n\nfour\n',
  '\n',
  'a\\\nb',
  '\ttab\t',
  'é ü 漢字 💥 \u0085 \u2028 \u00a0',
  'A=b=c',
  '=',
  '-----BEGIN KEY-----\nabc+/=\n-----END KEY-----\n',
  'x'.repeat(100_000),
]

test('its names are known', () => {
  const values = hostile.map((value, i) => [`V${i}`, i % 2 ? value : new Secret(`n${i}`, value)])
  const app = describeApp('shop', { source: './shop', env: Object.fromEntries(values) })
  const entries = envOf(app, {})
  expect(namesIn(environmentFile(entries))).toEqual(entries.map(({ name }) => name))
  expect(namesIn('')).toEqual([])
})

/** What systemd gives to a program. */
async function seen(host: TestHost, content: string): Promise<Map<string, string>> {
  await host.exec('cat > /root/env', content)
  const run = await host.exec(
    'cat > /run/systemd/system/env.service; systemctl daemon-reload; systemctl start env && base64 -w0 /root/seen',
    unit,
  )
  const text = Buffer.from(run.output, 'base64').toString()
  return new Map(
    text.split('\0').map((each) => {
      const at = each.indexOf('=')
      return [each.slice(0, at), each.slice(at + 1)]
    }),
  )
}

describe.skipIf(!labAvailable)(`what systemd reads ${labMissing}`, () => {
  test('every value arrives as it is', async ({ boot }) => {
    const [host] = await boot()
    const sign = fc.oneof(
      fc.constantFrom('"', "'", '\\', '$', '`', '%', '\n', '\t', ' ', '#', ';', '=', '{', '}'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    )
    const random = fc.sample(fc.string({ unit: sign, maxLength: 60 }), 400)
    // oxlint-disable-next-line no-control-regex -- these are refused
    const refused = /[\0-\x08\x0b-\x1f\x7f\p{Cs}\p{Noncharacter_Code_Point}]/u
    const values = [...hostile, ...random.filter((each) => !refused.test(each))]
    const env = Object.fromEntries(
      values.map((value, i) => [`V${i}`, i % 2 ? value : new Secret(`v${i}`, value)]),
    )
    const app = describeApp('shop', { source: './shop', env })
    const found = await seen(host!, reveal(environmentFile(envOf(app, {}))))
    for (const [i, value] of values.entries()) expect(found.get(`V${i}`)).toBe(value)
  })

  test('what is refused it would leave out, or take for something else', async ({ boot }) => {
    const [host] = await boot()
    const signs = ['\u0001', '\r', '\u001b', '\u007f', '\ufdd0', '\uffff', '\u{1fffe}']
    const entries = signs.map((sign, i): EnvEntry => {
      return { name: `V${i}`, value: `a${sign}b`, from: 'description' }
    })
    const found = await seen(host!, environmentFile(entries))
    expect(signs.filter((sign, i) => found.get(`V${i}`) === `a${sign}b`)).toEqual([])
  })
})
