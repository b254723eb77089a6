import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'
import hooks from 'eslint-plugin-react-hooks'
import importX from 'eslint-plugin-import-x'

const rooms = ['lib', 'api', 'streams', 'queries', 'ui', 'features', 'app']
const zone = (room, mayUse, message) => ({
  target: `./src/${room}`,
  from: rooms.filter((other) => other !== room && !mayUse.includes(other)).map((other) => `./src/${other}`),
  message,
})

export default defineConfig(
  globalIgnores(['dist', 'src/api/generated']),
  {
    files: ['src/**/*.{ts,tsx}', 'tests/**/*.ts', '*.config.ts'],
    extends: [tseslint.configs.strictTypeChecked, importX.flatConfigs.typescript],
    plugins: { 'react-hooks': hooks, 'import-x': importX },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    settings: { 'import-x/resolver': { typescript: true } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      ...hooks.configs['recommended-latest'].rules,
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: false }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': [
        'error',
        {
          zones: [
            zone('lib', [], 'lib is pure and imports nothing of ours'),
            zone('api', ['lib'], 'api knows only the wire'),
            zone('streams', ['lib', 'api'], 'streams is framework-free'),
            zone('ui', ['lib'], 'ui gets data as props'),
            zone('queries', ['lib', 'api', 'streams'], 'queries do not render'),
            zone('features', ['lib', 'api', 'streams', 'queries', 'ui'], 'features do not know the shell'),
            { target: './src/features/chat', from: './src/features/home', message: 'features meet in app' },
            { target: './src/features/home', from: './src/features/chat', message: 'features meet in app' },
          ],
        },
      ],
    },
  },
  {
    files: ['src/streams/**', 'src/lib/**', 'src/api/**'],
    rules: {
      'no-restricted-imports': ['error', { patterns: ['react', 'react/*', 'react-dom', '@tanstack/react-query'] }],
    },
  },
)
