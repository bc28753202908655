import { describe, expect, test } from 'vitest'
import { planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { settle } from '../../test/lab/settle.ts'
import { asFettleError } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'
import { absent } from '../model/resource.ts'
import { packages } from '../resources/package.ts'
import { type MailOptions, mail } from './mail.ts'

test.each<[MailOptions, RegExp]>([
  [{ relay: 'a b' }, /relay cannot be "a b"/],
  [{ relay: 'a', port: 0 }, /port cannot be 0/],
  [
    { relay: 'a', tls: 'off', login: { user: 'a', password: 'b' } },
    /tls cannot be 'off' with a login/,
  ],
  [{ relay: 'a', login: { user: 'a', password: 'b ' } }, /login has a password/],
  [{ relay: 'a', login: { user: 'a:b', password: 'b' } }, /login cannot be/],
  [{ relay: 'a', aliases: { root: 'nobody' } }, /aliases cannot be "nobody"/],
  [{ relay: 'a', sender: 'x y@z' }, /sender cannot be/],
  [{ relay: 'a', domain: 'x\ny' }, /domain cannot be/],
])('refused: %j', (options, words) => expect(() => mail(options)).toThrow(words))

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()
  const password = new Secret('smtp', `p"a's\\s:w $rd # ö`)
  const options = {
    relay: 'relay.example',
    port: 2587,
    login: { user: 'shop@example.org', password },
    domain: 'example.org',
    aliases: { root: 'ops@example.org' },
  } satisfies MailOptions
  const all = mail(options)
  const run = async (script: string, input?: string): Promise<string> => {
    const { code, output } = await hosts()[0]!.exec(script, input)
    if (code !== 0) throw new Error(output)
    return output
  }
  const send = (to: string): Promise<string> =>
    run(`sendmail -f root ${to}`, `Subject: hello\n\nthe text to ${to}\n`)
  /** What the relay got, once it has got so many. */
  const received = async (count: number): Promise<Letter[]> => {
    const text = await run(
      `for i in $(seq 200); do [ "$(wc -l </srv/mail)" -ge ${count} ] && break; sleep 0.1; done; [ "$(wc -l </srv/mail)" -ge ${count} ] || { mailq; journalctl -o cat -n 30 --no-pager; exit 1; }; cat /srv/mail`,
    )
    return text
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((row) => JSON.parse(row) as Letter)
  }

  test('from nothing to letters at the relay', async () => {
    const [host] = hosts()
    await run(`apt-get -qq update && apt-get -qq install -y python3 openssl >/dev/null 2>&1
cd /srv && : >mail && echo '127.0.0.1 relay.example' >>/etc/hosts
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=relay.example -addext subjectAltName=DNS:relay.example -keyout key.pem -out relay.pem 2>/dev/null
cp relay.pem /usr/local/share/ca-certificates/relay.crt && update-ca-certificates >/dev/null 2>&1`)
    await run(`cat >/srv/relay.py`, relay)
    await run(
      `systemd-run -q --unit=relay python3 /srv/relay.py; for i in $(seq 100); do ss -Hltn 'sport = :2587' | grep -q . && exit; sleep 0.1; done; exit 1`,
    )
    await settle(host!, all)
    expect(await planned(host!, all)).toEqual([])
    await send('ann@elsewhere.example')
    await send('root')
    const [first, second] = await received(2)
    expect(first).toMatchObject({
      tls: true,
      user: 'shop@example.org',
      password: password.reveal(),
      from: 'root@example.org',
      to: ['ann@elsewhere.example'],
    })
    expect(first!.text).toContain('the text to ann@elsewhere.example')
    expect(second!.to).toEqual(['ops@example.org'])
    const listening = await run('ss -Hltn "sport = :25" | tr -s " " | cut -d" " -f4 | sort')
    expect(
      listening
        .trim()
        .split('\n')
        .every((each) => /^(127\.0\.0\.1|\[::1\]):25$/.test(each)),
    ).toBe(true)
    expect(await run('stat -c %a /etc/postfix/fettle-login')).toBe('600\n')
    const seen = await run(
      'ps axww; journalctl --no-pager -o cat; postconf -n; cat /var/log/mail* 2>/dev/null || true',
    )
    expect(seen).not.toContain(password.reveal())
  }, 300_000)

  test('what was changed by hand is put right; what Postfix does not know changes nothing', async () => {
    const [host] = hosts()
    await run(
      `postconf -e relayhost=elsewhere inet_interfaces=all; echo >/etc/postfix/fettle-aliases; chmod 644 /etc/postfix/fettle-login; systemctl stop postfix`,
    )
    expect((await settle(host!, all)).made).toEqual([
      'file:/etc/postfix/main.cf',
      'file:/etc/postfix/fettle-aliases',
      'file:/etc/postfix/fettle-login',
      'service:postfix',
    ])
    expect(await planned(host!, all)).toEqual([])
    await send('root')
    expect((await received(3))[2]!.to).toEqual(['ops@example.org'])
    const wrong = mail({ ...options, settings: { no_such_setting: 1 } })
    const said = await settle(host!, wrong).then(
      () => 'nothing',
      (error: unknown) => `${asFettleError(error).log}`,
    )
    expect(said).toMatch(/unused parameter: no_such_setting=1/)
    expect(await planned(host!, all)).toEqual([])
  }, 120_000)

  test('one sender for all; and no letter for a relay that is not the one', async () => {
    const [host] = hosts()
    const one = mail({ ...options, sender: 'shop@example.org', aliases: {} })
    await settle(host!, one)
    expect(await planned(host!, one)).toEqual([])
    await send('bob@elsewhere.example')
    expect((await received(4))[3]).toMatchObject({
      from: 'shop@example.org',
      to: ['bob@elsewhere.example'],
    })
    await run(`echo '127.0.0.1 other.example' >>/etc/hosts`)
    await settle(host!, mail({ ...options, relay: 'other.example' }))
    await send('eve@elsewhere.example')
    const queue = await run(
      'for i in $(seq 200); do mailq | grep -q "not verified\\|certificate" && break; sleep 0.1; done; mailq',
    )
    expect(queue).toMatch(/Server certificate not verified/i)
    expect(await received(4)).toHaveLength(4)
  }, 120_000)

  test('gone', async () => {
    const [host] = hosts()
    const gone = absent(packages(['postfix'], { purge: true }))
    await settle(host!, gone)
    expect(await planned(host!, gone)).toEqual([])
  }, 60_000)
})

interface Letter {
  readonly tls: boolean
  readonly user: string
  readonly password: string
  readonly from: string
  readonly to: string[]
  readonly text: string
}

/** Takes letters from those who log in, and writes each as a line. */
const relay = `import base64, json, re, socketserver, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('/srv/relay.pem', '/srv/key.pem')
class Relay(socketserver.BaseRequestHandler):
    def handle(self):
        socket, tls, user, password, sender, to = self.request, False, '', '', '', []
        stream = socket.makefile('rwb')
        def say(*rows):
            for row in rows: stream.write(row.encode() + b'\\r\\n')
            stream.flush()
        say('220 relay')
        while True:
            row = stream.readline().decode().strip()
            word = row.upper()
            if word == '' or word == 'QUIT': return say('221 bye')
            if word.startswith('EHLO'): say('250-relay', '250 AUTH PLAIN LOGIN' if tls else '250 STARTTLS')
            elif word == 'STARTTLS':
                say('220 go')
                socket = context.wrap_socket(socket, server_side=True)
                stream, tls = socket.makefile('rwb'), True
            elif word.startswith('AUTH PLAIN'):
                _, user, password = base64.b64decode(row.split()[2]).decode().split('\\0')
                say('235 in')
            elif not user and word.startswith(('MAIL', 'RCPT')): say('530 log in')
            elif word.startswith('MAIL'): sender = re.search('<(.*?)>', row)[1]; say('250 ok')
            elif word.startswith('RCPT'): to.append(re.search('<(.*?)>', row)[1]); say('250 ok')
            elif word == 'DATA':
                say('354 go')
                text = ''
                while True:
                    part = stream.readline().decode()
                    if part == '.\\r\\n': break
                    text += part
                with open('/srv/mail', 'a') as out:
                    out.write(json.dumps(dict(tls=tls, user=user, password=password, to=to, text=text) | {'from': sender}) + '\\n')
                to = []
                say('250 ok')
            else: say('250 ok')
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
Server(('127.0.0.1', 2587), Relay).serve_forever()
`
