import { beforeAll, describe, expect } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable, test } from '../../test/lab/fixture.ts'
import { settle } from '../../test/lab/settle.ts'
import { serve, web } from '../../test/lab/web.ts'
import { absent } from '../model/resource.ts'
import { npmPackages } from './npm.ts'
import { packages } from './package.ts'

// From a registry on the host itself, as a static one is: the answers that npm asks for as files.
const publish = `set -e
publish() {
  d=$(mktemp -d); mkdir -p "$d/package" "/srv/www/$1"
  echo '{"name":"'$1'","version":"'$2'","bin":{"tiny":"tiny.js"}}' >"$d/package/package.json"
  printf '#!/bin/sh\\necho %s %s\\n' "$1" "$2" >"$d/package/tiny.js"
  tar -czf "/srv/www/$1/$2.tgz" -C "$d" package
}
document() {
  all=; for v in $2; do all="$all,\\"$v\\":{\\"name\\":\\"$1\\",\\"version\\":\\"$v\\",\\"bin\\":{\\"tiny\\":\\"tiny.js\\"},\\"dist\\":{\\"tarball\\":\\"${web}/$1/$v.tgz\\"}}"; done
  echo "{\\"name\\":\\"$1\\",\\"dist-tags\\":{\\"latest\\":\\"$v\\"},\\"versions\\":{\${all#,}}}" >/srv/www/$1/index.html
}
publish tiny 1.0.0; publish tiny 2.0.0; document tiny '1.0.0 2.0.0'
publish @me/tool 0.1.0; document @me/tool 0.1.0
echo 'registry=${web}/' >/root/.npmrc`

describe.skipIf(!labAvailable)('packages of npm on a host', () => {
  const hosts = bootForFile()
  const run = async (script: string): Promise<string> => (await hosts()[0]!.exec(script)).output
  beforeAll(async () => {
    if (!labAvailable) return
    await serve(hosts()[0]!)
    expect(await run(publish)).toBe('')
  })

  test('are installed with npm itself, kept at their version and removed', async () => {
    const [web1] = hosts()
    const some = npmPackages('tiny@1.0.0', '@me/tool')
    expect(await planned(web1!, some)).toEqual([
      'create npm:tiny: install 1.0.0, but npm is not installed',
      'create npm:@me/tool: install the newest (known once npm has asked for it), but npm is not installed',
    ])
    expect(await failure(web1!, some)).toContain("describe packages('npm') before")
    expect(await planned(web1!, absent(some))).toEqual([])
    const all = [...packages(['npm'], { recommends: false }), ...npmPackages('tiny@1.0.0')]
    expect((await converges(web1!, all))[1]).toBe(
      'unknown npm:tiny: 1.0.0, once package:npm has brought npm',
    )
    expect(await run('tiny')).toBe('tiny 1.0.0\n')
    await run('mkdir -p /root/.npm/_logs; rm -f /root/.npm/_logs/*; touch /root/.npm/_logs/mine')
    expect(await planned(web1!, npmPackages('tiny'))).toEqual([])
    expect(await run('ls /root/.npm/_logs')).toBe('mine\n')
    const next = npmPackages('tiny@2.0.0', '@me/tool@0.1.0')
    expect(await planned(web1!, next)).toEqual([
      'change npm:tiny: 1.0.0 -> 2.0.0',
      'create npm:@me/tool: install 0.1.0',
    ])
    await converges(web1!, [...absent(npmPackages('@me/tool')), ...npmPackages('tiny@2.0.0')])
    expect(await run('tiny')).toBe('tiny 2.0.0\n')
    expect(await converges(web1!, absent(npmPackages('tiny')))).toEqual(['remove npm:tiny: 2.0.0'])
    const { result } = await settle(web1!, npmPackages('tiny'))
    expect(result.made.map(({ summary }) => summary)).toEqual(['install 2.0.0'])
  }, 400_000)

  test('that there are not leave all as it was', async () => {
    const [web1] = hosts()
    const words = await failure(web1!, npmPackages('@me/tool', 'nosuch'))
    expect(words).toMatch(/404|not found/i)
    expect(await failure(web1!, npmPackages('@me/tool@9.9.9'))).toContain(
      'No matching version found',
    )
    expect(await planned(web1!, absent(npmPackages('@me/tool')))).toEqual([])
  })
})
