import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import type { TestHost } from '../lab/fixture.ts'

/**
 * Writes below a folder here what projects would have had from registries that no host of the lab reaches:
 * `gems/` with vendor/cache and a lock for that Gemfile, `wheels/` with vendor. They are made on a host that
 * has Ruby, Puma and Python: Puma and nio4r are Debian's, put back into gems; `label` is written in C.
 */
export async function fetchDependencies(
  host: TestHost,
  gemfile: string,
  folder: string,
): Promise<void> {
  const { code, output } = await host.exec(script, gemfile)
  if (code !== 0) throw new Error(output)
  mkdirSync(folder, { recursive: true })
  execFileSync('tar', ['-C', folder, '-xz'], { input: Buffer.from(output, 'base64') })
}

const script = `set -e
exec 3>&1 >/tmp/vendor.log 2>&1
trap '[ $? = 0 ] || cat /tmp/vendor.log >&3' EXIT
rm -rf /tmp/vendor; mkdir -p /tmp/vendor/gems/vendor/cache /tmp/vendor/wheels/vendor
cat >/tmp/vendor/gems/Gemfile
fresh() { rm -rf /tmp/made; mkdir -p /tmp/made; cd /tmp/made; }
for name in puma nio4r; do
  fresh
  ruby -r rubygems/package -r fileutils -e '
    have = Gem::Specification.find_by_name(ARGV[0])
    { "lib" => have.full_require_paths, "bin" => ["#{have.full_gem_path}/bin"] }.each { |to, all|
      FileUtils.mkdir_p(to)
      all.each { |from| FileUtils.cp_r("#{from}/.", to) if File.directory?(from) } }
    made = Gem::Specification.new(have.name, have.version) { |s|
      s.summary = s.author = "x"; s.bindir = "bin"; s.executables = Dir.children("bin")
      s.files = Dir["{lib,bin}/**/*"].select { |each| File.file?(each) }
      have.runtime_dependencies.each { |each| s.add_dependency(each.name, *each.requirement.as_list) } }
    Gem::Package.build(made, true)' $name
  mv ./*.gem /tmp/vendor/gems/vendor/cache
done
fresh; mkdir -p ext/label
echo 'require "mkmf"; create_makefile "label"' >ext/label/extconf.rb
cat >ext/label/label.c <<'END'
#include <ruby.h>
static VALUE of(VALUE self, VALUE text) { return text; }
void Init_label(void) { rb_define_module_function(rb_define_module("Label"), "of", of, 1); }
END
cat >label.gemspec <<'END'
Gem::Specification.new('label', '1.0.0') do |s|
  s.summary = s.author = 'x'
  s.files = Dir['ext/**/*'].select { |each| File.file?(each) }
  s.extensions = ['ext/label/extconf.rb']
end
END
gem build --force label.gemspec
mv ./*.gem /tmp/vendor/gems/vendor/cache
cd /tmp/vendor/gems
export HOME=/tmp/made BUNDLE_PATH=/tmp/made/bundle
bundle install --local
fresh; mkdir label-1.0.dist-info
echo 'def of(text): return text' >label.py
cd label-1.0.dist-info
printf '%s\n' 'Metadata-Version: 2.1' 'Name: label' 'Version: 1.0' >METADATA
printf '%s\n' 'Wheel-Version: 1.0' 'Root-Is-Purelib: true' 'Tag: py3-none-any' >WHEEL
printf '%s,,\n' label.py label-1.0.dist-info/METADATA label-1.0.dist-info/WHEEL label-1.0.dist-info/RECORD >RECORD
cd ..; python3 -m zipfile -c /tmp/vendor/wheels/vendor/label-1.0-py3-none-any.whl label.py label-1.0.dist-info
tar -C /tmp/vendor -cz gems wheels | base64 >&3
`
