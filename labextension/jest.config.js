const { compilerOptions } = require('./tsconfig.json');

module.exports = {
  testEnvironment: 'jsdom',
  testRegex: 'test/.*\\.test\\.ts$',
  transform: {
    '\\.ts$': [
      'ts-jest',
      { tsconfig: { ...compilerOptions, module: 'commonjs', rootDir: '.', types: ['jest'] } }
    ]
  }
};
