import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { pipPackages } from '../../../src/resources/pip.ts'
import { type Table, opaque } from '../dry-run.ts'

const none = { able: true, versions: [], own: [] }
const has = (...versions: string[]) => ({ able: true, versions, own: versions })
const [gunicorn] = pipPackages(['gunicorn==22.0.0'], { venv: '/opt/shop' })
const [httpie] = pipPackages('httpie')

export const table: Table = {
  wanted: gunicorn!,
  nothing: none,
  there: has('22.0.0'),
  rows(row) {
    expect(row(gunicorn!, none, { after: has('22.0.0') })).toMatchInlineSnapshot(`
      "create pip:/opt/shop:gunicorn: install 22.0.0
        or fails: python3-venv is not installed, which pip:/opt/shop:gunicorn needs: describe packages('python3-venv') before
        python3 -I -m venv /opt/shop
        "$python" -I -m pip install -q 'gunicorn==22.0.0'"
    `)
    expect(row(gunicorn!, has('21.0.0'), { after: has('22.0.0') })).toMatchInlineSnapshot(`
      "change pip:/opt/shop:gunicorn: 21.0.0 -> 22.0.0
        or fails: python3-venv is not installed, which pip:/opt/shop:gunicorn needs: describe packages('python3-venv') before
        python3 -I -m venv /opt/shop
        "$python" -I -m pip install -q 'gunicorn==22.0.0'"
    `)
    expect(row(gunicorn!, { ...none, able: false })).toMatchInlineSnapshot(`
      "create pip:/opt/shop:gunicorn: install 22.0.0, but python3-venv is not installed
        or fails: python3-venv is not installed, which pip:/opt/shop:gunicorn needs: describe packages('python3-venv') before
        python3 -I -m venv /opt/shop
        "$python" -I -m pip install -q 'gunicorn==22.0.0'"
    `)
    expect(row(gunicorn!, { ...none, able: false }, { context: opaque })).toMatchInlineSnapshot(
      `"unknown pip:/opt/shop:gunicorn: 22.0.0, once package:x has brought python3-venv"`,
    )
    expect(row(httpie!, none)).toMatchInlineSnapshot(`
      "create pip:httpie: install the newest (known once pip has asked for it)
        or fails: pip is not installed, which pip:httpie needs: describe packages('python3-pip') before
        "$python" -I -m pip install -q httpie"
    `)
    expect(row(absent(httpie!), has('3.2.2'), { after: none })).toMatchInlineSnapshot(`
      "remove pip:httpie: 3.2.2
        or fails: pip is not installed, which pip:httpie needs: describe packages('python3-pip') before
        "$python" -I -m pip uninstall -q -y httpie"
    `)
    expect(row(absent(httpie!), { ...has('3.2.2'), own: [] })).toMatchInlineSnapshot(`"no change"`)
  },
}
