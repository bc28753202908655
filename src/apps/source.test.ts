import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { openSource } from './source.ts'
import { sha256 } from './tar.ts'

const made: string[] = []
afterEach(() => {
  for (const each of made.splice(0)) rmSync(each, { recursive: true, force: true })
})

function folder(files: Readonly<Record<string, string>> = {}): string {
  const path = mkdtempSync(join(tmpdir(), 'fettle-source-'))
  made.push(path)
  write(path, files)
  return path
}

function write(path: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), content)
  }
}

function git(path: string, ...args: string[]): string {
  const who = ['-c', 'user.name=Ada B', '-c', 'user.email=ada@example.org']
  return execFileSync('git', [...who, ...args], { cwd: path, stdio: 'pipe' })
    .toString()
    .trim()
}

function repository(files: Readonly<Record<string, string>>): string {
  const path = folder(files)
  git(path, 'init', '-q', '-b', 'main')
  commit(path, 'first')
  return path
}

function commit(path: string, subject: string): string {
  git(path, 'add', '-A')
  git(path, 'commit', '-q', '-m', subject)
  return git(path, 'rev-parse', 'HEAD')
}

const open = (source: string, cache = folder()) =>
  openSource({ name: 'shop', source, at: undefined }, '/', cache)

describe('a git repository', () => {
  test('a commit is its files: contents, modes, links, names with anything in them', async () => {
    const names = [
      'a b',
      "it's",
      'say "hi"',
      'two\nlines',
      'back\\slash',
      'ümlaut',
      '-dash',
      'deep/er/x',
    ]
    const repo = repository(Object.fromEntries(names.map((name) => [name, `of ${name}`])))
    chmodSync(join(repo, 'a b'), 0o755)
    symlinkSync('deep/er', join(repo, 'link'))
    write(repo, { empty: '', big: 'x'.repeat(300_000) })
    const head = commit(repo, 'second')
    const snapshot = await (await open(repo)).resolve()
    expect(snapshot.id).toBe(head.slice(0, 12))
    expect(snapshot.commit).toBe(head)
    expect(snapshot.notes).toEqual([])
    const byPath = new Map(snapshot.entries.map((each) => [each.path, each]))
    expect([...byPath.keys()].sort()).toEqual([...names, 'big', 'empty', 'link'].sort())
    expect(byPath.get('a b')).toEqual({ path: 'a b', mode: 0o755, hash: sha256('of a b'), size: 6 })
    expect(byPath.get('link')).toMatchObject({ link: 'deep/er' })
    expect(byPath.get('big')).toMatchObject({ size: 300_000, hash: sha256('x'.repeat(300_000)) })
    const contents = await snapshot.read(['two\nlines', 'empty', 'big', 'a b'])
    expect([...contents.values()].map((each) => Buffer.from(each).toString())).toEqual([
      'of two\nlines',
      '',
      'x'.repeat(300_000),
      'of a b',
    ])
    expect(snapshot.files.text('ümlaut')).toBe('of ümlaut')
    expect(snapshot.files.text('none')).toBeUndefined()
  })

  test('more than is kept in memory is read again when it is sent', async () => {
    const path = repository({ small: 'small', zeros: '\0'.repeat(66 * 1024 * 1024) })
    const snapshot = await (await open(path)).resolve('main')
    const contents = await snapshot.read(['zeros', 'small'])
    expect([...contents.keys()]).toEqual(['zeros', 'small'])
    expect(new TextDecoder().decode(contents.get('small'))).toBe('small')
    const { hash, size } = snapshot.entries.find((each) => each.path === 'zeros')!
    expect([sha256(contents.get('zeros')!), contents.get('zeros')!.length]).toEqual([hash, size])
  })

  test('what is not committed is not delivered, and said', async () => {
    const repo = repository({ a: 'committed' })
    write(repo, { a: 'changed', b: 'new' })
    const snapshot = await (await open(repo)).resolve()
    expect(snapshot.entries.map(({ path }) => path)).toEqual(['a'])
    expect(snapshot.files.text('a')).toBe('committed')
    expect(snapshot.notes).toEqual(['2 uncommitted changes are not delivered.'])
  })

  test('a branch, a tag, a short commit; an unknown one names the nearest', async () => {
    const repo = repository({ a: '1' })
    const first = git(repo, 'rev-parse', 'HEAD')
    git(repo, 'tag', '-m', 'x', 'v1.0')
    write(repo, { a: '2' })
    commit(repo, 'second')
    const source = await open(repo)
    for (const rev of ['v1.0', first.slice(0, 8), 'HEAD~1', first])
      expect((await source.resolve(rev)).commit).toBe(first)
    await expect(source.resolve('v1.1')).rejects.toMatchObject({
      code: 'revision-unknown',
      next: expect.stringContaining('v1.0'),
    })
    await expect(source.resolve('--help')).rejects.toMatchObject({ code: 'revision-unknown' })
  })

  test('only the folder that is named, and what changed in it', async () => {
    const repo = repository({ 'shop/a': '1', other: '1' })
    const first = git(repo, 'rev-parse', 'HEAD')
    write(repo, { 'shop/a': '2' })
    const second = commit(repo, 'A better a')
    write(repo, { other: '2' })
    const third = commit(repo, 'Not of the shop')
    const source = await open(join(repo, 'shop'))
    const snapshot = await source.resolve()
    expect(snapshot.entries.map(({ path }) => path)).toEqual(['a'])
    expect(snapshot.id).toBe(third.slice(0, 12))
    expect(await source.changelog(first, third)).toEqual([
      `${second.slice(0, 7)} A better a (Ada B)`,
    ])
    expect(await source.subject(third)).toBe(`${second.slice(0, 7)} A better a (Ada B)`)
    expect(await source.subject(first)).toBe(`${first.slice(0, 7)} first (Ada B)`)
    expect((await source.resolve(first)).files.text('a')).toBe('1')
  })

  test('a bare one, and one by URL that is fetched again', async () => {
    const repo = repository({ a: '1' })
    const bare = join(folder(), 'shop.git')
    git(repo, 'clone', '-q', '--bare', repo, bare)
    expect((await (await open(bare)).resolve()).files.text('a')).toBe('1')
    const cache = folder()
    expect((await (await open(`file://${repo}`, cache)).resolve()).files.text('a')).toBe('1')
    write(repo, { a: '2' })
    const head = commit(repo, 'second')
    git(repo, 'branch', 'next')
    const source = await open(`file://${repo}`, cache)
    expect((await source.resolve()).commit).toBe(head)
    expect((await source.resolve('next')).commit).toBe(head)
  })

  test('what cannot be reached is said without the password in its URL', async () => {
    await expect(open('https://me:secret@127.0.0.1:1/x.git')).rejects.toMatchObject({
      code: 'source-unreachable',
      message: expect.not.stringContaining('secret'),
    })
    await expect(open('/nowhere')).rejects.toMatchObject({ code: 'source-missing' })
  })

  test('submodules, git-lfs and names that are not UTF-8 are refused', async () => {
    const repo = repository({ a: '1' })
    const other = repository({ b: '1' })
    git(repo, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', other, 'sub')
    commit(repo, 'sub')
    const refused = (reason: string) => ({
      code: 'source-unusable',
      message: expect.stringContaining(reason),
    })
    await expect((await open(repo)).resolve()).rejects.toMatchObject(refused('submodule'))
    const lfs = repository({ big: 'version https://git-lfs.github.com/spec/v1\noid sha256:x\n' })
    await expect((await open(lfs)).resolve()).rejects.toMatchObject(refused('git-lfs'))
    const odd = repository({ a: '1' })
    writeFileSync(Buffer.concat([Buffer.from(`${odd}/x`), Buffer.from([0xff])]), 'x')
    commit(odd, 'odd')
    await expect((await open(odd)).resolve()).rejects.toMatchObject(refused('UTF-8'))
  })

  test("a hook's own environment does not lead to another repository", async () => {
    const repo = repository({ a: '1' })
    process.env['GIT_DIR'] = '/nowhere'
    try {
      expect((await (await open(repo)).resolve()).files.text('a')).toBe('1')
    } finally {
      delete process.env['GIT_DIR']
    }
  })
})

describe('without git', () => {
  test('a folder is known by its content', async () => {
    const plain = folder({ a: '1', 'b/c': '2', 'b/.git/x': 'not this' })
    const source = await open(plain)
    const first = await source.resolve()
    expect(first.id).toMatch(/^[0-9a-f]{12}$/)
    expect(first.commit).toBeUndefined()
    expect(first.entries.map(({ path }) => path)).toEqual(['a', 'b/c'])
    expect((await source.resolve()).id).toBe(first.id)
    chmodSync(join(plain, 'a'), 0o755)
    expect((await source.resolve()).id).not.toBe(first.id)
    await expect(source.resolve('main')).rejects.toMatchObject({ code: 'revision-unknown' })
    expect(await source.changelog('a', 'b')).toEqual([])
    expect(await source.subject('a')).toBeUndefined()
  })

  test('a folder that its repository ignores is taken as it is', async () => {
    const repo = repository({ '.gitignore': 'dist\n' })
    write(repo, { 'dist/index.html': 'built' })
    const snapshot = await (await open(join(repo, 'dist'))).resolve()
    expect(snapshot.files.text('index.html')).toBe('built')
    expect(snapshot.notes).toHaveLength(1)
  })

  test('an archive is prebuilt', async () => {
    const plain = folder({ 'index.html': 'built', 'sub/x': 'y' })
    const archive = join(folder(), 'dist.tar.gz')
    execFileSync('tar', ['-czf', archive, '-C', plain, '.'])
    const snapshot = await (await open(archive)).resolve()
    expect(snapshot.prebuilt).toBe(true)
    expect(snapshot.entries.map(({ path }) => path)).toEqual(['index.html', 'sub/x'])
    writeFileSync(archive, 'no archive')
    await expect((await open(archive)).resolve()).rejects.toMatchObject({ code: 'source-unusable' })
  })

  test('an empty folder, and a socket in it', async () => {
    await expect((await open(folder())).resolve()).rejects.toMatchObject({
      code: 'source-unusable',
    })
    const plain = folder()
    execFileSync('mkfifo', [join(plain, 'pipe')])
    await expect((await open(plain)).resolve()).rejects.toMatchObject({ code: 'source-unusable' })
  })
})
