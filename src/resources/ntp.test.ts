import { describe, expect, test } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import { type Context, nothingPlanned } from '../model/kind.ts'
import { type Resource, absent } from '../model/resource.ts'
import { ntp, ntpKind } from './ntp.ts'
import { packages } from './package.ts'

const ours = ntp({ servers: ['ntp1.example.com', 'fd00::1'] })
const path = '/etc/systemd/timesyncd.conf.d/fettle.conf'
const content = '# Kept by Fettle.\n[Time]\nNTP=\nNTP=ntp1.example.com fd00::1\n'

/** A host as its read script prints it, by default one that is as described. */
interface Printed {
  readonly load?: string
  readonly active?: string
  readonly enabled?: string
  readonly live?: string
  readonly file?: string | undefined
  readonly container?: boolean
}

function summary(printed: Printed, resource: Resource = ours, context: Context = nothingPlanned) {
  const { load = 'loaded', active = 'active', enabled = 'enabled', container = false } = printed
  const { live = 'ntp1.example.com fd00::1', file = content } = printed
  const unit = `Id=systemd-timesyncd.service\nLoadState=${load}\nActiveState=${active}\nSubState=running\nUnitFileState=${enabled}`
  const asked =
    active === 'active' && live !== 'silent'
      ? `as ${live === '' ? 0 : live.split(' ').length}${live.replace(/(\S+)\s*/g, ' "$1"')}\n`
      : ''
  const own = `${container ? 'container\n' : ''}${unit}\n\n${asked}`
  const wanted = /wanted="\$wanted "0:(\w+)/.exec(ntpKind.read!([resource as never])!.text)?.[1]
  const there = 'file' in printed && printed.file === undefined
  const stat = there ? '' : `${path}\0f\x00644\0root\0root\x00${file.length}\0\0`
  const sum =
    file === content ? `0 ${wanted}` : `0 ${'f'.repeat(64)} ${Buffer.from(file).toString('base64')}`
  // Nobody asks what is in a file that is to go.
  const asksContent = !there && wanted !== undefined
  const output = `${own}\0${stat}end\0${asksContent ? `${sum}\n` : ''}`
  const [state] = ntpKind.parse(Buffer.from(output), [resource as never])
  const found = ntpKind.diff(resource as never, state!, context)
  return found && `${found.verb}: ${found.summary}`
}

const none = { load: 'not-found', active: 'inactive', enabled: '', file: undefined }

describe('what differs', () => {
  const servers = 'servers ntp1.example.com fd00::1'
  test.each<[string, Printed, string | undefined]>([
    ['as described', {}, undefined],
    ['no settings', { file: undefined, live: '' }, `create: ${servers}, restart`],
    ['other settings', { file: 'x', live: 'other' }, `change: ${servers}, restart`],
    ['not restarted since', { live: 'other' }, `change: ${servers}, restart`],
    ['it does not say', { live: 'silent' }, undefined],
    ['stopped', { active: 'inactive' }, 'change: inactive -> running'],
    ['disabled', { enabled: 'disabled' }, 'change: disabled -> enabled'],
    [
      'masked, and no settings',
      { load: 'masked', active: 'inactive', enabled: 'masked', file: undefined },
      `create: ${servers}, unmask, enable, inactive -> running`,
    ],
    ['no package', none, 'change: there is no systemd-timesyncd here (the package of that name)'],
    [
      'a container',
      { ...none, container: true },
      `create: ${servers} (settings only: a container has the clock of its host)`,
    ],
    ['a container, as described', { ...none, file: content, container: true }, undefined],
  ])('%s', (_, printed, expected) => expect(summary(printed)).toBe(expected))

  test.each<[string, Printed, string | undefined]>([
    ['there', {}, 'remove: its settings, restart'],
    ['stopped', { active: 'inactive' }, 'remove: its settings'],
    ['no settings', { file: undefined }, undefined],
    ['nothing', none, undefined],
  ])('absent: %s', (_, printed, expected) => expect(summary(printed, absent(ours))).toBe(expected))

  test('after an opaque step', () => {
    const context = { earlier: new Map(), opaque: ['package:systemd-timesyncd'] }
    expect(summary(none, ours, context)).toBe(
      `unknown: ${servers}, enabled, running, once package:systemd-timesyncd has brought it`,
    )
    expect(summary({ file: undefined }, ours, context)).toBe(`create: ${servers}, restart`)
  })
})

test.each([undefined, [], [''], ['a b'], ['a\n'], ['-a'], 'ntp', [1]])('%j is refused', (servers) =>
  expect(() => ntp({ servers: servers as string[] })).toThrow(/ntp:.*servers/),
)

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()

  test('a container: settings alone', async () => {
    const [host] = hosts()
    const note = '(settings only: a container has the clock of its host)'
    expect(await converges(host!, [ours])).toEqual([
      `create ntp:systemd-timesyncd: servers ntp1.example.com fd00::1 ${note}`,
    ])
    expect((await host!.exec(`cat ${path}; stat -c %a ${path}`)).output).toBe(`${content}644\n`)
    await host!.exec(`echo x > ${path}`)
    await converges(host!, [ours])
    await converges(host!, [absent(ours)])
    expect((await host!.exec(`cat ${path}`)).code).not.toBe(0)
  })

  // The daemon itself runs, without the right to set the clock.
  test('taken for a machine: with its package, after drift, and gone', async () => {
    const [host] = hosts()
    await host!.exec(
      `mv /run/systemd/container /run/systemd/container.off; rm /etc/systemd/system/systemd-timesyncd.service
mkdir -p /etc/systemd/system/systemd-timesyncd.service.d
printf '[Unit]\\nConditionVirtualization=\\nConditionCapability=\\n[Service]\\nAmbientCapabilities=\\nCapabilityBoundingSet=\\n' > /etc/systemd/system/systemd-timesyncd.service.d/lab.conf
systemctl daemon-reload`,
    )
    expect(await failure(host!, [ours])).toContain('there is no systemd-timesyncd here')
    const all = [...packages('systemd-timesyncd'), ours]
    expect((await plan(host!, all)).map(({ difference }) => difference.verb)).toEqual([
      'create',
      'unknown',
    ])
    await settle(host!, all)
    expect(await planned(host!, all)).toEqual([])
    const servers = 'timedatectl show-timesync -p SystemNTPServers --value'
    expect((await host!.exec(servers)).output).toBe('ntp1.example.com fd00::1\n')

    // An earlier run that died between the settings and the restart is made up for.
    await host!.exec(
      `cp ${path} /tmp/kept; rm ${path}; systemctl restart systemd-timesyncd; cp /tmp/kept ${path}`,
    )
    expect(await converges(host!, [ours])).toEqual([
      'change ntp:systemd-timesyncd: servers ntp1.example.com fd00::1, restart',
    ])
    const other = ntp({ servers: ['ntp2.example.com'] })
    await converges(host!, [other])
    expect((await host!.exec(servers)).output).toBe('ntp2.example.com\n')
    await host!.exec('systemctl disable --now systemd-timesyncd')
    expect(await converges(host!, [other])).toEqual([
      'change ntp:systemd-timesyncd: disabled -> enabled, inactive -> running',
    ])
    expect(await converges(host!, [absent(other)])).toEqual([
      'remove ntp:systemd-timesyncd: its settings, restart',
    ])
    expect((await host!.exec(servers)).output).toBe('\n')
  })
})
