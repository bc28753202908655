import { describe, expect, test } from 'vitest'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import { Secret } from '../base/secret.ts'
import type { Context } from '../model/kind.ts'
import { absent } from '../model/resource.ts'
import { type CommandOptions, command, commandKind, trigger } from './command.ts'
import { file } from './file.ts'

const nothing: Context = { earlier: new Map(), opaque: [] }
const difference = { verb: 'change', summary: '' } as const

function summary(
  printed: string,
  options: CommandOptions,
  context = nothing,
  wrap: typeof absent = (each) => each,
): string | undefined {
  const resource = wrap(command('x', options) as never) as never
  const [state] = commandKind.parse(Buffer.from(printed), [resource])
  const found = commandKind.diff(resource, state!, context)
  return found && `${found.verb}: ${found.summary}`
}

describe('what differs', () => {
  const guarded = { run: 'bin/migrate --all', unless: 'bin/migrate --check' }

  test('needed or not', () => {
    expect(summary('0 its unless ended with 1\n', guarded)).toBe(
      'run: bin/migrate --all (its unless ended with 1)',
    )
    expect(summary('', guarded)).toBeUndefined()
    expect(summary('\xff\x00 noise\n\n1 other\n', guarded)).toBeUndefined()
    expect(summary('0 why\n', guarded, nothing, absent)).toBeUndefined()
  })

  test('only the beginning of a long command is shown, and no secret', () => {
    const secret = new Secret('TOKEN', 'hunter2hunter2')
    const run = `psql ${secret} ${'x'.repeat(100)}\nsecond`
    const found = summary('0 why\n', { run, unless: 'false' })!
    expect(found).toMatch(/^run: psql «secret TOKEN» x+… \(why\)$/)
    expect(found.length).toBeLessThan(75)
  })

  test('when notified it never differs', () => {
    expect(summary('0 why\n', { run: 'x', when: 'notified' })).toBeUndefined()
  })

  test('after an opaque change, or one that it waits for, it is unknown', () => {
    const brings = new Map([['package:a', difference]])
    expect(summary('', guarded, { earlier: brings, opaque: ['package:a'] })).toBe(
      'unknown: bin/migrate --all, if it is needed after package:a',
    )
    const earlier = new Map([['file:/a', difference]])
    expect(summary('', { ...guarded, after: 'file:/a' }, { earlier, opaque: [] })).toContain(
      'if it is needed after file:/a',
    )
    expect(summary('', guarded, { earlier, opaque: [] })).toBeUndefined()
    const conf = new Map([['line:/etc/x.conf#a', difference]])
    const names = { run: 'x', onlyIf: 'grep -q a /etc/x.conf' }
    expect(summary('', names, { earlier: conf, opaque: [] })).toContain('after line:/etc/x.conf#a')
  })
})

describe('describing', () => {
  test('without a guard it is refused', () => {
    // @ts-expect-error -- a guard is needed, or when: 'notified'
    expect(() => command('x', { run: 'true' })).toThrow(/nothing says when/)
  })

  test.each([
    { run: '', unless: 'x' },
    { run: 'x', creates: 'relative' },
    { run: 'x', when: 'always' },
    { run: 'x', unless: 'x', cwd: 'relative' },
    { run: 'x', unless: 'x', environment: { 'A B': 'x' } },
    { run: 'x', unless: 'x', environment: { A: 'x\0' } },
  ])('%j is refused', (options) => {
    expect(() => command('x', options as never)).toThrow(/command:x/)
  })
})

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()

  test('runs when a guard says so, once', async () => {
    const [host] = hosts()
    const resources = [
      command('creates', { run: 'touch "/tmp/a b"', creates: '/tmp/a b' }),
      command('unless', { run: 'echo x > /tmp/unless', unless: 'grep -q x /tmp/unless' }),
      command('onlyIf', { run: 'rm /tmp/unless.old', onlyIf: 'test -e /tmp/unless.old' }),
      command('both', {
        run: 'exit 9',
        creates: '/tmp/never',
        onlyIf: 'exit 1',
      }),
    ]
    const found = await plan(host!, resources)
    expect(found.map(({ difference }) => `${difference.verb} ${difference.summary}`)).toEqual([
      'run touch "/tmp/a b" (/tmp/a b is not there)',
      'unknown echo x > /tmp/unless, if it is needed after command:creates',
      'unknown rm /tmp/unless.old, if it is needed after command:unless',
      'unknown exit 9, if it is needed after command:onlyIf',
    ])
    expect((await settle(host!, resources)).made).toEqual(['command:creates', 'command:unless'])
    expect(await plan(host!, resources)).toEqual([])
    await host!.exec('touch /tmp/unless.old')
    expect((await settle(host!, resources)).made).toEqual(['command:onlyIf'])
    expect(await plan(host!, absent(resources))).toEqual([])
  })

  test('folder, variables, input and hostile values arrive as they are', async () => {
    const [host] = hosts()
    const hostile = `it's "$HOME" \`id\` \\ %s\n-n é\n`
    const secret = new Secret('TOKEN', `se'cr"et $x`)
    const resource = command('hostile', {
      run: `cat > "out put"; printf '%s|' "$A" "$B" "$#" "\${mark-unset}" "$PWD" 'it'"'"'s' >> 'out put'`,
      creates: '/srv/-a b/out put',
      cwd: '/srv/-a b',
      environment: { A: hostile, B: `x${secret}` },
      input: `${hostile}${secret}`,
      user: 'root',
    })
    await host!.exec("mkdir -p '/srv/-a b'")
    await settle(host!, [resource])
    const { output } = await host!.exec("cat '/srv/-a b/out put'")
    const revealed = secret.reveal()
    expect(output).toBe(`${hostile}${revealed}${hostile}|x${revealed}|0|unset|/srv/-a b|it's|`)
    expect(await plan(host!, [resource])).toEqual([])
  })

  test('guards with broken syntax or exits harm nobody else', async () => {
    const [host] = hosts()
    const fine = command('fine', { run: 'touch /tmp/fine', creates: '/tmp/fine' })
    const guards = ['if', ')', "'", 'exit 0', 'cat', 'kill -9 $$; :', 'echo 1 why']
    const odd = guards.slice(0, 3).map((unless, i) => command(`odd${i}`, { run: 'true', unless }))
    const found = await plan(host!, [fine, ...odd])
    expect(found).toHaveLength(4)
    const quiet = [guards[3]!, guards[4]!, guards[6]!]
    const even = quiet.map((unless, i) => command(`even${i}`, { run: 'true', unless }))
    expect(await plan(host!, even)).toEqual([])
  })

  test('a failing command stops, and says what it printed; secrets are not shown', async () => {
    const [host] = hosts()
    const secret = new Secret('TOKEN', `hunter2hunter2`)
    const failing = command('failing', {
      run: 'echo "refused $T"; exit 7',
      unless: 'false',
      environment: { T: secret },
    })
    const failure = await settle(host!, [failing]).catch((error: Error) => error)
    expect(failure).toMatchObject({
      code: 'step-failed',
      message: 'web1: command:failing failed with exit code 7: refused «secret TOKEN»',
    })
  })

  test('a folder to run in that is not there is no answer of a guard', async () => {
    const [host] = hosts()
    const homeless = command('homeless', { run: 'true', onlyIf: 'true', cwd: '/srv/nowhere' })
    expect((await plan(host!, [homeless]))[0]!.difference.summary).toBe(
      'true (/srv/nowhere is not there)',
    )
    const failure = await settle(host!, [homeless]).catch((error: Error) => error)
    expect(String(failure)).toContain('/srv/nowhere')
  })

  test('a command that ran and is still needed is an error', async () => {
    const [host] = hosts()
    const useless = command('useless', { run: 'true', creates: '/tmp/nothing' })
    const failure = await settle(host!, [useless]).catch((error: Error) => error)
    expect(failure).toMatchObject({ code: 'change-did-not-take' })
  })

  test('when notified it runs once, if its guards agree', async () => {
    const [host] = hosts()
    const described = (content: string): Parameters<typeof settle>[1] => [
      file('/tmp/source', {
        content,
        notify: [trigger('build'), trigger('never')],
      }),
      command('build', { run: 'cat >> /tmp/built', input: content, when: 'notified' }),
      command('never', { run: 'exit 1', when: 'notified', onlyIf: 'false' }),
    ]
    expect((await settle(host!, described('one\n'))).made).toEqual([
      'file:/tmp/source',
      'run command:build',
      'run command:never',
    ])
    expect(await plan(host!, described('one\n'))).toEqual([])
    await settle(host!, described('two\n'))
    expect((await host!.exec('cat /tmp/built')).output).toBe('one\ntwo\n')
  })

  test('nothing of it shows in the process list', async () => {
    const [host] = hosts()
    const resource = command('shy', {
      run: 'sleep 0.1; { tr "\\0" " " < /proc/$PPID/cmdline; ps -eo args; } > /tmp/shy # zebra',
      creates: '/tmp/shy',
      environment: { ZEBRA: 'zebra' },
      input: 'zebra',
    })
    await settle(host!, [resource])
    expect((await host!.exec('grep -c zebra /tmp/shy')).output.trim()).toBe('0')
  })
})
