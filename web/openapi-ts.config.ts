import { defineConfig } from '@hey-api/openapi-ts'

export default defineConfig({
  input: '../protocol/openapi.json',
  output: {
    path: 'src/api/generated',
    header: ['// Generated from protocol/openapi.json. Do not edit.', '// @ts-nocheck'],
  },
  plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
})
