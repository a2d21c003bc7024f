module.exports = {
  testEnvironment: 'jsdom',
  testRegex: 'test/.*\\.test\\.ts$',
  transform: { '\\.ts$': ['ts-jest', { tsconfig: { ...require('./tsconfig.json').compilerOptions, module: 'commonjs', rootDir: '.' } }] }
};
