import { beforeAll, describe, expect } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable, test } from '../../test/lab/fixture.ts'
import { settle } from '../../test/lab/settle.ts'
import { absent } from '../model/resource.ts'
import { gemPackages } from './gem.ts'
import { packages } from './package.ts'

// From a folder on the host itself that is a source of gems. Not by `gem generate_index`, which
// Debian 13 has no more.
const publish = `mkdir -p /srv/gems/gems; cd /srv/gems/gems
for each in tiny-1.0 tiny-2.0 needy-1.0; do
  cat >x.gemspec <<END
Gem::Specification.new do |s|
  s.name, s.version = "\${each%-*}", "\${each#*-}"
  s.summary = s.author = "x"
  s.add_dependency "tiny" if s.name == "needy"
end
END
  gem build -q x.gemspec >/dev/null 2>&1
done
rm x.gemspec; cd ..; mkdir -p quick/Marshal.4.8
ruby -rrubygems/package -rzlib -e '
  specs = Dir["gems/*.gem"].map { |each| Gem::Package.new(each).spec }
  newest = specs.group_by(&:name).map { |_, each| each.max_by(&:version) }
  { "specs" => specs, "latest_specs" => newest, "prerelease_specs" => [] }.each do |name, list|
    rows = list.map { |each| [each.name, each.version, "ruby"] }
    Zlib::GzipWriter.open(name + ".4.8.gz") { |file| file.write Marshal.dump(rows) }
  end
  specs.each do |each|
    File.binwrite("quick/Marshal.4.8/" + each.full_name + ".gemspec.rz", Zlib.deflate(Marshal.dump(each)))
  end'
printf ':sources:\\n- file:///srv/gems/\\n' >/root/.gemrc`

describe.skipIf(!labAvailable)('gems on a host', () => {
  const hosts = bootForFile()
  const run = async (script: string): Promise<string> => (await hosts()[0]!.exec(script)).output
  beforeAll(async () => {
    if (!labAvailable) return
    const [web1] = hosts()
    const wanted = gemPackages('tiny@1.0')
    expect(await planned(web1!, wanted)).toEqual([
      'create gem:tiny: install 1.0, but gem is not installed',
    ])
    expect(await failure(web1!, wanted)).toContain("describe packages('ruby') before")
    const both = [...packages(['ruby'], { recommends: false }), ...gemPackages('rake')]
    expect((await planned(web1!, both))[1]).toBe(
      'unknown gem:rake: installed, once package:ruby has brought gem',
    )
    expect((await settle(web1!, both)).made).toEqual(['package:ruby'])
    expect(await run(publish)).toBe('')
  }, 120_000)

  test('are there in the versions that are described, and removed', async () => {
    const [web1] = hosts()
    const versions = (): Promise<string> => run(`gem list -l '^(tiny|needy)$'`)
    expect(await converges(web1!, gemPackages('tiny@1.0', 'needy'))).toEqual([
      'create gem:tiny: install 1.0',
      'create gem:needy: install the newest (known once gem has asked for it)',
    ])
    expect(await versions()).toBe('needy (1.0)\ntiny (1.0)\n')
    expect(await converges(web1!, gemPackages('tiny@2.0'))).toEqual([
      'change gem:tiny: 2.0 beside 1.0',
    ])
    expect(await versions()).toBe('needy (1.0)\ntiny (2.0, 1.0)\n')
    expect(await planned(web1!, gemPackages('tiny', 'tiny'))).toEqual([])
    expect(await converges(web1!, absent(gemPackages('tiny@1.0')))).toEqual([
      'remove gem:tiny: 1.0',
    ])
    expect(await versions()).toBe('needy (1.0)\ntiny (2.0)\n')
    await converges(web1!, [...absent(gemPackages('tiny', 'needy'))])
    expect((await versions()).trim()).toBe('')
  }, 60_000)

  test('that there are not, and those of Debian', async () => {
    const [web1] = hosts()
    expect(await failure(web1!, gemPackages('nosuch'))).toContain(
      "Could not find a valid gem 'nosuch'",
    )
    expect(await failure(web1!, gemPackages('tiny@9.0'))).toContain(
      "Could not find a valid gem 'tiny' (= 9.0)",
    )
    expect(await planned(web1!, absent(gemPackages('rake', 'json')))).toEqual([])
  }, 60_000)
})
