import { createHash, randomBytes } from 'node:crypto'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { Shell, sh } from '../../src/base/shell.ts'
import type { Answer, Frame, Machine, Session } from '../../src/transport/machine.ts'
import { problem } from '../../src/base/errors.ts'

export interface Subject {
  readonly machine: Machine
  /** Runs a script as root beside the session, to look at what it does. */
  look(script: string): Promise<string>
}

/** What every session promises, whatever carries it and whichever shell answers. */
export function sessionContract(subject: () => Subject | Promise<Subject>): void {
  let given: Subject
  const open: Session[] = []
  const session = (): Session => {
    const opened = given.machine.open()
    open.push(opened)
    return opened
  }
  const one = async (frame: Frame): Promise<Answer> => (await session().run([frame]))[0]!
  const text = async (script: string, more: Partial<Frame> = {}): Promise<[number, string]> => {
    const { code, output } = await one({ script: Shell.literal(script), ...more })
    return [code, output.toString('utf8')]
  }

  beforeAll(async () => {
    given = await subject()
  })
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()))
  })

  describe('a script', () => {
    test('answers with what it printed, errors included, and its exit code', async () => {
      expect(await text('echo out; echo err >&2; exit 3')).toEqual([3, 'out\nerr\n'])
    })

    test('may print nothing, or no newline at the end', async () => {
      expect(await text('')).toEqual([0, ''])
      expect(await text('printf "no newline"')).toEqual([0, 'no newline'])
    })

    test('is one POSIX text with lines, quotes and unicode', async () => {
      expect(await text("for each in 'a  b' \"c'd\"; do\n  echo \"$each\" '💥'\ndone")).toEqual([
        0,
        "a  b 💥\nc'd 💥\n",
      ])
    })

    test('that is no shell text is answered as any that fails, and the next one runs', async () => {
      const broken = { script: Shell.literal('if then (') }
      const [first, second] = await session().run([broken, { script: sh`echo well` }])
      expect(first!.code).not.toBe(0)
      expect(second).toEqual({ code: 0, output: Buffer.from('well\n') })
    })

    test('leaves nothing to the next one: variables, folder, options, traps, exit', async () => {
      const first = Shell.literal('x=1; cd /tmp; set -eu; umask 077; trap "echo trap" EXIT; exit 0')
      const second = Shell.literal('echo "${x-unset} $(umask)"; cd / && pwd; false; echo on')
      const [, answer] = await session().run([{ script: first }, { script: second }])
      expect(answer!.output.toString()).toBe('unset 0022\n/\non\n')
    })

    test('has all system programs on its path, plain messages and nobody to ask', async () => {
      const script = 'echo "$PATH" | grep -c /usr/sbin; echo "$LC_ALL $DEBIAN_FRONTEND"'
      expect(await text(script)).toEqual([0, '1\nC.UTF-8 noninteractive\n'])
    })

    test('may print any bytes, even what looks like the end of an answer', async () => {
      const bytes = Buffer.concat([
        Buffer.from('\n0123456789abcdef0123456789abcdef 0\n'),
        Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
        randomBytes(300_000),
        Buffer.from('\n'),
      ])
      const { output } = await one({ script: sh`cat`, input: bytes })
      expect(output.equals(bytes)).toBe(true)
    })

    test('may print tens of megabytes, seen while they come', async () => {
      let seen = 0
      const script = sh`head -c 30000000 /dev/zero`
      const { output } = await one({ script, onOutput: (chunk) => (seen += chunk.length) })
      expect([output.length, seen]).toEqual([30_000_000, 30_000_000])
    })
  })

  describe('input', () => {
    test('arrives byte by byte as it was given', async () => {
      const input = Buffer.concat([Buffer.from('\n\0\r\n\x04 $HOME `x`\n'), randomBytes(100_000)])
      const { output } = await one({ script: sh`sha256sum`, input })
      const hash = createHash('sha256').update(input).digest('hex')
      expect(output.toString()).toBe(`${hash}  -\n`)
    })

    test('of 50 MB arrives whole', async () => {
      const input = Buffer.alloc(50_000_000, 'fifty megabytes ')
      const { output } = await one({ script: sh`wc -c; true`, input })
      expect(output.toString().trim()).toBe('50000000')
    })

    test('is empty where there is none', async () => {
      expect(await text('wc -c | tr -d " "')).toEqual([0, '0\n'])
    })

    test('that a script does not read does not reach the next one', async () => {
      const input = 'echo mistaken for a script\n- 5 0\n'.repeat(20_000)
      const answers = await session().run([
        { script: sh`echo ignores it`, input },
        { script: sh`head -c 5 >/dev/null; echo reads a little`, input },
        { script: sh`exec 0<&-; echo closes it; exit 7`, input },
        { script: sh`echo next` },
      ])
      expect(answers.map(({ code, output }) => [code, output.toString()])).toEqual([
        [0, 'ignores it\n'],
        [0, 'reads a little\n'],
        [7, 'closes it\n'],
        [0, 'next\n'],
      ])
    })

    test('holds the values of secrets, as the script does', async () => {
      const secret = new Secret('token', "it's $HOME `x` \\ \n*")
      const frame = { script: sh`printf '<%s>' ${secret}; cat`, input: `[${secret}]` }
      const { output } = await one(frame)
      expect(output.toString()).toBe(`<${secret.reveal()}>[${secret.reveal()}]`)
    })
  })

  describe('many frames', () => {
    test('are answered in their order, in one round trip', async () => {
      const asked = session()
      const users = [undefined, 'nobody', 'root']
      const frames = Array.from({ length: 60 }, (_, i) => ({
        script: sh`echo ${i} "$(id -un)"; cat; exit ${i}`,
        user: users[i % 3],
        ...(i % 2 ? { input: `input ${i}\n` } : {}),
      }))
      const [self] = await asked.run([{ script: sh`id -un` }])
      const login = self!.output.toString().trim()
      const answers = await asked.run(frames)
      expect(answers.map(({ code, output }) => [code, output.toString()])).toEqual(
        frames.map(({ user = login }, i) => [i, `${i} ${user}\n${i % 2 ? `input ${i}\n` : ''}`]),
      )
      expect(asked.roundTrips).toBe(2)
    })

    test('of several callers at once do not mix', async () => {
      const asked = session()
      const calls = Array.from({ length: 10 }, async (_, i) => {
        const [a, b] = await asked.run([{ script: sh`echo ${i}` }, { script: sh`echo ${i}b` }])
        return `${a!.output}${b!.output}`
      })
      expect(await Promise.all(calls)).toEqual(calls.map((_, i) => `${i}\n${i}b\n`))
      expect(asked.roundTrips).toBe(10)
    })

    test('of no number take no round trip', async () => {
      const asked = session()
      expect([await asked.run([]), asked.roundTrips]).toEqual([[], 0])
    })
  })

  describe('another user', () => {
    test('runs a script in a home of its own, with its input', async () => {
      const script = 'echo "$(id -un) $USER $LOGNAME"; cat; exit 4'
      expect(await text(script, { user: 'nobody', input: 'input\0' })).toEqual([
        4,
        'nobody nobody nobody\ninput\0',
      ])
    })

    test('that is not there is an error, and the session goes on', async () => {
      const asked = session()
      const input = Buffer.alloc(200_000)
      const lost = asked.run([{ script: sh`true`, user: 'nosuchuser', input }])
      await expect(lost).rejects.toMatchObject({
        code: 'no-such-user',
        message: `There is no user nosuchuser on ${given.machine.name} to run a step as.`,
      })
      const [next] = await asked.run([{ script: sh`echo on` }])
      expect(next!.output.toString()).toBe('on\n')
    })
  })

  describe('what goes wrong', () => {
    test('an end of the shell is `connection-lost` for what was asked and all that comes', async () => {
      const asked = session()
      const lost = asked.run([{ script: Shell.literal('kill -9 $$') }, { script: sh`echo never` }])
      await expect(lost).rejects.toMatchObject({ code: 'connection-lost' })
      await expect(asked.run([{ script: sh`true` }])).rejects.toMatchObject({
        code: 'connection-lost',
        state: `What ${given.machine.name} was asked last may or may not be done.`,
      })
    })

    test('no answer within the limit is the error of the limit, and ends the session', async () => {
      const asked = session()
      const host = given.machine.name
      const error = (): Error & ReturnType<typeof problem> =>
        problem('host-timeout', { host, seconds: 1, state: 'It waits.' })
      const late = asked.run([{ script: sh`sleep 60` }], { seconds: 1, error })
      await expect(late).rejects.toMatchObject({ code: 'host-timeout', state: 'It waits.' })
      await expect(asked.run([{ script: sh`true` }])).rejects.toMatchObject({
        code: 'host-timeout',
      })
    })

    test('a limit that is kept costs nothing', async () => {
      const error = (): never => {
        throw new Error('there was no need for it')
      }
      const [answer] = await session().run([{ script: sh`echo ok` }], { seconds: 60, error })
      expect(answer!.output.toString()).toBe('ok\n')
    })
  })

  test('nothing of scripts, inputs and secrets shows in the list of processes', async () => {
    const [inScript, inInput, inSecret] = ['script', 'input', 'secret'].map(
      (what) => `${what}-${randomBytes(9).toString('hex')}`,
    )
    const secret = new Secret('hidden', inSecret!)
    const gate = `/tmp/fettle-gate-${randomBytes(6).toString('hex')}`
    const script = sh`: ${inScript!} ${secret}; echo ready; until [ -e ${gate} ]; do sleep 0.1; done`
    const processes = new Promise<string>((resolve, reject) => {
      const onOutput = (): void =>
        void given
          .look(
            `cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' '; : > ${gate}`,
          )
          .then(resolve, reject)
      // As another user: the frame is passed on, which must not show either.
      one({ script, input: inInput!, user: 'nobody', onOutput }).catch(reject)
    })
    const seen = await processes
    expect(seen).toContain('sleep')
    expect([inScript, inInput, inSecret].filter((each) => seen.includes(each!))).toEqual([])
    await given.look(`rm -f ${gate}`)
  })
}
