import { beforeAll, describe, expect } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable, test } from '../../test/lab/fixture.ts'
import { settle } from '../../test/lab/settle.ts'
import { absent } from '../model/resource.ts'
import { packages } from './package.ts'
import { pipPackages } from './pip.ts'

// From a folder of wheels on the host itself, which pip is told of where a host's own are.
const publish = `mkdir -p /srv/wheels; cat >/srv/wheel.py <<'END'
import sys, zipfile
name, version, needs = sys.argv[1:4]
with zipfile.ZipFile(f"/srv/wheels/{name}-{version}-py3-none-any.whl", "w") as z:
    info = f"{name}-{version}.dist-info"
    z.writestr(f"{name}.py", f"version = '{version}'\\n")
    z.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n" + (f"Requires-Dist: {needs}\\n" if needs else ""))
    z.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    z.writestr(f"{info}/RECORD", "")
END
for v in 1.0 2.0; do python3 /srv/wheel.py tiny_py $v ''; done
python3 /srv/wheel.py needy 1.0 tiny-py; python3 /srv/wheel.py six 99.0 ''
printf '[global]\\nno-index = true\\nfind-links = /srv/wheels\\n' >/etc/pip.conf`

describe.skipIf(!labAvailable)('packages of Python on a host', () => {
  const hosts = bootForFile()
  const run = async (script: string): Promise<string> => (await hosts()[0]!.exec(script)).output
  const debian = (...names: string[]): ReturnType<typeof packages> =>
    packages(names, { recommends: false })
  beforeAll(async () => {
    if (!labAvailable) return
    const [web1] = hosts()
    expect(await planned(web1!, pipPackages('tiny-py==1.0'))).toEqual([
      'create pip:tiny-py: install 1.0, but pip is not installed',
    ])
    await converges(web1!, debian('python3'))
    expect(await failure(web1!, pipPackages('tiny-py'))).toContain("packages('python3-pip') before")
    const venv = pipPackages(['tiny-py'], { venv: '/opt/x' })
    expect(await failure(web1!, venv)).toContain("packages('python3-venv') before")
    expect(await run(publish)).toBe('')
  }, 120_000)

  test('for the whole system', async () => {
    const [web1] = hosts()
    const wanted = [...debian('python3-pip', 'python3-six'), ...pipPackages('Tiny_Py==1.0', 'six')]
    expect((await planned(web1!, wanted)).slice(2)).toEqual([
      'unknown pip:tiny-py: 1.0, once package:python3-six has brought pip',
      'unknown pip:six: installed, once package:python3-six has brought pip',
    ])
    const { made } = await settle(web1!, wanted)
    expect(made.slice(2)).toEqual(['pip:tiny-py'])
    expect(await planned(web1!, wanted)).toEqual([])
    const version = `cd /tmp; python3 -c 'import tiny_py as t; print(t.__file__, t.version)'`
    expect(await run(version)).toMatch(
      /^\/usr\/local\/lib\/python3\.\d+\/dist-packages\/tiny_py\.py 1\.0\n$/,
    )
    expect(await planned(web1!, absent(pipPackages('six')))).toEqual([])
    const next = pipPackages('tiny-py==2.0', 'needy', 'six==99.0')
    expect(await converges(web1!, next)).toEqual([
      'change pip:tiny-py: 1.0 -> 2.0',
      'create pip:needy: install the newest (known once pip has asked for it)',
      expect.stringMatching(/^change pip:six: 1\.\S+ -> 99\.0$/),
    ])
    expect(await run(version)).toContain(' 2.0\n')
    await converges(web1!, [...absent(pipPackages('six', 'needy')), ...pipPackages('tiny-py@1.0')])
    expect(await run(`python3 -c 'import six; print(six.__file__)'`)).toContain('/usr/lib/python3/')
    expect(await failure(web1!, pipPackages('needy', 'nosuch'))).toContain(
      'No matching distribution found for nosuch',
    )
    expect(await planned(web1!, absent(pipPackages('needy')))).toEqual([])
    await converges(web1!, absent(pipPackages('tiny-py')))
  }, 120_000)

  test('in an environment of their own', async () => {
    const [web1] = hosts()
    const venv = `/opt/it's $(id)`
    const at = (...names: string[]): ReturnType<typeof pipPackages> => pipPackages(names, { venv })
    const wanted = [
      ...debian('python3-venv'),
      ...at('needy', 'tiny-py==1.0'),
      ...pipPackages(['tiny-py'], { venv: '/opt/two' }),
    ]
    expect((await converges(web1!, wanted)).slice(1)).toEqual([
      `unknown pip:${venv}:needy: installed, once package:python3-venv has brought python3-venv`,
      `unknown pip:${venv}:tiny-py: 1.0, once package:python3-venv has brought python3-venv`,
      'unknown pip:/opt/two:tiny-py: installed, once package:python3-venv has brought python3-venv',
    ])
    expect(
      await run(
        `"/opt/it's \\$(id)/bin/python" -c 'import needy, tiny_py; print(tiny_py.version)'`,
      ),
    ).toBe('1.0\n')
    expect(await run(`python3 -c 'import tiny_py' 2>&1`)).toContain('No module named')
    await converges(web1!, absent(at('needy', 'tiny-py')))
    const { result } = await settle(web1!, at('tiny-py'))
    expect(result.made.map(({ summary }) => summary)).toEqual(['install 2.0'])
    await run('rm -rf /opt/two/lib/python3.*/site-packages/pip*')
    expect(await converges(web1!, pipPackages(['needy'], { venv: '/opt/two' }))).toHaveLength(1)
  }, 120_000)
})
