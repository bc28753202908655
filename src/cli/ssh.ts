import { spawn } from 'node:child_process'
import { quote } from '../base/shell.ts'
import { problem } from '../base/errors.ts'
import { closest } from '../model/suggestion.ts'
import { sshWords } from '../transport/ssh.ts'
import { type Flags, openContext } from './context.ts'

/** `fettle ssh HOST`: the user's own ssh, with the address and keys of the description or the lab. */
export async function ssh(name: string, words: readonly string[], flags: Flags): Promise<number> {
  const { fleet, targetOf } = await openContext({ ...flags, host: [], role: [] })
  const host = fleet.hosts.get(name)
  if (!host)
    throw problem('unknown-selection', {
      what: 'host',
      name,
      suggestion: closest(name, [...fleet.hosts.keys()]),
    })
  const command = words.length > 1 ? [words.map(quote).join(' ')] : words
  const child = spawn('ssh', [...sshWords(targetOf(host), true), ...command], { stdio: 'inherit' })
  return new Promise((resolve, reject) => {
    child.on('error', () => reject(problem('ssh-missing', {})))
    child.on('exit', (code, signal) => resolve(signal ? 128 : (code ?? 1)))
  })
}
