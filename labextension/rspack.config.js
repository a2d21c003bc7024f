// Names instead of numbers: a number depends on the folder that the build runs in, and the bundle in
// the tree is compared with a fresh build byte for byte.
module.exports = { optimization: { moduleIds: 'named', chunkIds: 'named' } };
