import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

const config: ViteUserConfig = defineConfig({
  resolve: { alias: { fettle: fileURLToPath(new URL('src/index.ts', import.meta.url)) } },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/lab/setup.ts'],
    testTimeout: 60_000,
    // The first run builds the lab's image.
    hookTimeout: 240_000,
    maxWorkers: 2,
  },
})

export default config
