# What llama-cpp-python, which has no wheel, compiles for these tests: the library that its server loads, for any
# processor of the kind. It takes under three minutes of processor time. `run.py` has CMake read this file
# (`CMAKE_PROJECT_llama_cpp_INCLUDE`).
set(LLAVA_BUILD OFF) # pictures
set(LLAMA_BUILD_COMMON OFF) # what llama.cpp's own programs share; the package asks for it, and loads none of it
set(GGML_NATIVE OFF) # the wheel is kept, and may be used on another machine
set(GGML_OPENMP OFF) # one thread
set(GGML_LLAMAFILE OFF) # faster kernels, which a small model does without
set(GGML_CPU_REPACK OFF)
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG") # the kernels
set(CMAKE_CXX_FLAGS_RELEASE "-O1 -DNDEBUG") # everything around them
