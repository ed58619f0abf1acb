# cmake -D TEXT=FILE -D HEADER=... -D FUNCTION=... -D OUTPUT=FILE.cpp -P EmbedText.cmake: a function that returns the file's text.
file(READ "${TEXT}" text)
set(delimiter "HEADSTART_TEXT")
string(FIND "${text}" ")${delimiter}\"" clash)
if(NOT clash EQUAL -1)
  message(FATAL_ERROR "EmbedText: ${TEXT} contains the delimiter of the string literal")
endif()
# Pieces: a compiler need not take longer literals than 65,536 characters.
set(pieces "")
string(LENGTH "${text}" left)
set(begin 0)
while(begin LESS left)
  string(SUBSTRING "${text}" ${begin} 16000 piece)
  string(APPEND pieces "    R\"${delimiter}(${piece})${delimiter}\"\n")
  math(EXPR begin "${begin} + 16000")
endwhile()
file(WRITE "${OUTPUT}" "#include \"${HEADER}\"\n\nnamespace headstart {\n\n"
  "std::string_view ${FUNCTION}() {\n  return\n${pieces}  ;\n}\n\n}  // namespace headstart\n")
