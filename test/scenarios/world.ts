import { publish } from '../lab/debian.ts'
import type { TestHost } from '../lab/fixture.ts'

/** Sources of packages, a repository of git: what the random descriptions are about, on the host itself. */
export const places = {
  packages: 'file:/srv/world/packages',
  more: ['file:/srv/world/more', 'file:/srv/world/others'],
  repository: '/srv/world/repository.git',
} as const

/** The oldest commit of the repository, which is the same on each host. */
export const firstCommit = '406fb9b10bd044ec778cc186d09f2644231eb845'

/**
 * Makes these places on a host. apt knows nothing but them afterwards: with the sixty thousand
 * packages of Debian it takes a second for what takes a fiftieth of one with three, and half of the
 * time of a series was that. Nothing is there that finds units anew at each reload, for the same reason.
 */
export async function furnish(host: TestHost): Promise<void> {
  const { code, output } = await host.exec(`set -e
apt-get update -q >/dev/null; apt-get install -qy --no-install-recommends git >/dev/null 2>&1
export HOME=/root GIT_AUTHOR_DATE='2024-01-01T00:00:00Z' GIT_COMMITTER_DATE='2024-01-01T00:00:00Z'
git config --global user.email ann@example.test; git config --global user.name Ann
git init -q -b main /srv/world/work; cd /srv/world/work
echo one > a; mkdir b; echo two > "b/it's c"; git add .; git commit -q -m first; git tag v1
echo three > a; git commit -q -a -m second
git checkout -q -b other v1; git rm -q -r b; ln -s a d; git add .; git commit -q -m third; git tag -a -m two v2
git clone -q --bare . ${places.repository}
cd /; rm -rf /srv/world/work
mkdir -p /etc/systemd/system-generators
for each in /lib/systemd/system-generators/*; do ln -s /dev/null "/etc/systemd/system-generators/\${each##*/}"; done
git -C ${places.repository} rev-parse v1`)
  if (code !== 0 || output.trim() !== firstCommit) throw new Error(output)
  const folderOf = (uri: string): string => uri.slice('file:'.length)
  const names = ['rone', 'rtwo', 'rthree']
  await publish(
    host,
    folderOf(places.packages),
    names.map((name) => ({
      name,
      version: '1.0',
      ...(name === 'rtwo' ? { conffile: 'a=1' } : {}),
      ...(name === 'rthree' ? { postinst: 'true' } : {}),
    })),
  )
  for (const uri of places.more)
    await publish(host, folderOf(uri), [{ name: 'rmore', version: '1' }])
  await host.exec(`rm -rf /etc/apt/sources.list.d/* /var/lib/apt/lists/* /var/cache/apt/*.bin
echo 'deb [trusted=yes] ${places.packages} ./' >/etc/apt/sources.list`)
}
