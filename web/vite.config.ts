import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

const server = 'http://localhost:8000'

/** Every browser that runs the app reads WOFF2; the two older forms of each of KaTeX's fonts would double the wheel. */
const newestFonts: Plugin = {
  name: 'newest-fonts',
  enforce: 'pre',
  transform: (code, id) =>
    id.includes('/katex/') && id.includes('.css')
      ? code.replace(/,url\([^)]+\.(?:woff|ttf)\) format\("[^"]+"\)/g, '')
      : null,
}

export default defineConfig({
  plugins: [newestFonts, react(), tailwindcss()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  // `npm run size` judges the size of the first load.
  build: {
    target: 'es2022',
    manifest: true,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
    // Inlined in the entry it would run after all that the entry imports.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'validators', test: /app\/validators/ }] } } },
  },
  server: { proxy: { '/api': server, '/v1': server, '/share/': server } },
  test: { include: ['tests/**/*.test.ts'], environment: 'node' },
})
