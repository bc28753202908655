// `npm run demo`: bare Debian hosts become web servers and serve apps, in front of your eyes.
import { join, relative } from 'node:path'
import { shop } from './shop.ts'
import { root, say } from './stage.ts'
import { webServers } from './web.ts'

const folder = join(root, 'demo')
const begun = performance.now()

await webServers(folder)
await shop(join(folder, 'shop'))

say(
  `All of it took ${((performance.now() - begun) / 1000).toFixed(0)} s. Both labs are still up. Look around:`,
)
console.log(`  cd ${relative(process.cwd(), folder) || '.'}
  npx fettle ssh web1 --lab               log in to a host
  npx fettle run --lab -- uptime          a command on all of them
  npx fettle log --lab --full             who changed what, and when
  $EDITOR fleet.ts; npx fettle up --lab   change something yourself
  npx fettle lab down                     take the hosts away
  cd shop
  npx fettle ps --lab                     what runs
  npx fettle logs storefront --lab        what it logs
  npx fettle rollback storefront --lab    back to the release before
  npx fettle lab down                     take these hosts away too
`)
