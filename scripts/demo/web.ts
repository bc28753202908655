import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { addresses, ask, edit, fettle, root, say } from './stage.ts'

/** Three bare Debian hosts become web servers. */
export async function webServers(folder: string): Promise<void> {
  say('Three bare Debian hosts, booted here as containers with systemd and sshd.')
  // A description of the user's own, to edit: what an earlier demo left is written over.
  mkdirSync(folder, { recursive: true })
  cpSync(join(root, 'examples', 'web'), folder, { recursive: true })
  await fettle(folder, 'lab', 'up')
  await fettle(folder, 'lab', 'reset')

  say('What the description in demo/fleet.ts would change on them:')
  await fettle(folder, 'plan', '--lab')

  say('Apply exactly that plan:')
  const { hash } = await ask<{ hash: string }>(folder, 'plan', '--lab')
  await fettle(folder, 'up', '--lab', '--plan-hash', hash)
  await fetchPages(folder)

  say('Edit one line of the description:')
  edit(join(folder, 'fleet.ts'), "greeting: 'Hello'", "greeting: 'Good morning'")
  await fettle(folder, 'up', '--lab', '--yes')
  await fetchPages(folder)

  say('And once more:')
  const again = performance.now()
  await fettle(folder, 'up', '--lab', '--yes')
  console.log(`\nThat took ${((performance.now() - again) / 1000).toFixed(2)} s.`)
}

/** Asks each host for its page, at the address that the lab says it has. */
async function fetchPages(folder: string): Promise<void> {
  console.log()
  for (const address of (await addresses(folder)).values()) {
    const page = await (await fetch(`http://${address}/`)).text()
    console.log(styleText('dim', `$ curl http://${address}/`))
    console.log(`  ${/<h1>(.*)<\/h1>/.exec(page)?.[1] ?? page}`)
  }
}
