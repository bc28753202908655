import { cpus, loadavg, release, totalmem } from 'node:os'
import { readFile } from 'node:fs/promises'
import type { Hosts } from './hosts.ts'

/** What the numbers depend on; nothing that tells whose machine it is. */
export async function machine(hosts: Hosts): Promise<Record<string, string>> {
  const first = async (...words: string[]): Promise<string> => {
    const { code, output } = await hosts.run(words).catch(() => ({ code: -1, output: '' }))
    return code === 0 ? output.trim().split('\n')[0]! : 'none'
  }
  const file = new URL('../../package.json', import.meta.url)
  const { version } = JSON.parse(await readFile(file, 'utf8')) as { version: string }
  const root = new URL('.', file).pathname
  const commit = await first('git', '-C', root, 'rev-parse', '--short', 'HEAD')
  const changed = await first('git', '-C', root, 'status', '--porcelain', '--', 'src')
  const ssh = (await hosts.run(['ssh', '-V'])).output.trim().split(',')[0]!
  return {
    processors: `${cpus().length}, ${cpus()[0]?.model.trim() ?? 'unknown'}; shared by the control side and all hosts`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release().split('-')[0]!,
    hosts: 'Debian 12 with systemd and sshd, as containers',
    fettle: `${version}, commit ${commit}${changed ? ' and changes to it' : ''}`,
    node: process.version,
    ssh,
    ansible: (await first('ansible', '--version')).replace(/^ansible \[(.*)\]$/, '$1'),
    mitogen: await first('dpkg-query', '-W', '-f', '${Version}', 'ansible-mitogen'),
    'load before': loadavg()[0]!.toFixed(2),
  }
}
