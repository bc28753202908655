// The published program is a few files instead of a hundred: Node needs half a millisecond to find
// and read each one, and a run that changes nothing is over in two hundred. See docs/design/8.
export default {
  input: { index: 'src/index.ts', testing: 'src/testing.ts', 'cli/main': 'src/cli/main.ts' },
  platform: 'node',
  logLevel: 'warn',
  external: /^(node:|[a-z@])/,
  output: {
    dir: 'dist',
    format: 'esm',
    // Two folders deep like the sources, so that paths relative to a module hold in both.
    chunkFileNames: 'parts/[name]-[hash].js',
    cleanDir: true,
    sourcemap: true,
  },
}
