import type { TestHost } from './fixture.ts'

/** A package of a few hundred bytes. */
export interface TinyPackage {
  readonly name: string
  readonly version: string
  /** Further fields, such as `Depends: a, b`. */
  readonly fields?: string
  /** Shell that runs when it is configured. */
  readonly postinst?: string
  /** The content of /etc/NAME.conf, which dpkg treats as configuration. */
  readonly conffile?: string
}

/** A folder on the host as a source of packages without suites; apt trusts it where it is told to. */
export async function publish(
  host: TestHost,
  folder: string,
  packages: readonly TinyPackage[],
): Promise<void> {
  const build = packages.map(({ name, version, fields = '', postinst, conffile }) => {
    const script = postinst && `printf '#!/bin/sh\\n%s\\n' '${postinst}' > d/DEBIAN/postinst`
    const config =
      conffile !== undefined &&
      `mkdir d/etc; echo '${conffile}' > d/etc/${name}.conf; echo /etc/${name}.conf > d/DEBIAN/conffiles`
    return `rm -rf d; mkdir -p d/DEBIAN
cat > d/DEBIAN/control <<'END'
Package: ${name}
Version: ${version}
Architecture: all
Maintainer: nobody <nobody@example.org>
Description: tiny
${fields}
END
sed -i '/^$/d' d/DEBIAN/control
${script || ':'}
${config || ':'}
[ ! -e d/DEBIAN/postinst ] || chmod 755 d/DEBIAN/postinst
dpkg-deb --root-owner-group -Znone -b d ${name}_${version}.deb >/dev/null`
  })
  await run(
    host,
    `set -e
rm -rf ${folder}; mkdir -p ${folder}; cd ${folder}
${build.join('\n')}
rm -rf d
for deb in *.deb; do
  [ -e "$deb" ] || continue
  dpkg-deb -f "$deb"
  echo "Filename: ./$deb"
  echo "Size: $(stat -c %s "$deb")"
  echo "SHA256: $(sha256sum "$deb" | cut -c 1-64)"
  echo
done > Packages
{ echo "Origin: test"; echo "Date: $(date -Ru)"; echo "SHA256:"
  echo " $(sha256sum Packages | cut -c 1-64) $(stat -c %s Packages) Packages"; } > Release`,
  )
}

/** Signs the folder with a new key and gives that key, ASCII-armored. Needs gpg on the host. */
export async function sign(
  host: TestHost,
  folder: string,
  keyring = '/root/gnupg',
): Promise<string> {
  return run(
    host,
    `set -e
export GNUPGHOME=${keyring}
[ -d "$GNUPGHOME" ] || {
  mkdir -m 0700 "$GNUPGHOME"
  gpg --batch --quiet --passphrase '' --quick-gen-key 'tiny <tiny@example.org>' ed25519 sign never 2>/dev/null
}
gpg --batch --yes --clearsign -o ${folder}/InRelease ${folder}/Release
gpg --armor --export`,
  )
}

async function run(host: TestHost, script: string): Promise<string> {
  const { code, output } = await host.exec(script)
  if (code !== 0) throw new Error(`${script.slice(0, 200)}...: ${output}`)
  return output
}
