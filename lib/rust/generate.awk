# SPDX-License-Identifier: LGPL-2.1
# Constants and structures of zgenerated.go, in Rust. What has a small letter there, which
# is for the package only, isn't public here either.

# An underscore where a capital comes after a small letter
function snake(text, i, letter, before, result)
{
	for (i = 1; i <= length(text); i++) {
		letter = substr(text, i, 1)
		before = substr(text, i - 1, 1)
		if (i > 1 && letter ~ /[A-Z]/ && before ~ /[a-z]/)
			result = result "_"
		result = result letter
	}
	return result
}

function visible(name)
{
	return name ~ /^[A-Z]/ ? "pub " : ""
}

# Numbers of ioctls, sets of opcodes, INIT's flags; all else is 32 bits
function constant_type(name)
{
	return name ~ /^ioc/ ? "c_ulong" : name ~ /^(Ops|HasTable)/ ? "u64" : "u32"
}

# A char is a byte
function rust_type(type, count)
{
	count = type
	if (sub(/^\[/, "", count))
		sub(/\].*/, "", count)
	else
		count = ""
	sub(/^\[[0-9]*\]/, "", type)
	sub(/^uint/, "u", type)
	sub(/^int/, "i", type)
	sub(/^i8$/, "u8", type)
	return count == "" ? type : "[" type "; " count "]"
}

# type is a word of the language
function field(name)
{
	name = tolower(name)
	return name == "type" ? "kind" : name
}

BEGIN {
	print "// SPDX-License-Identifier: LGPL-2.1"
	print ""
	print "// Made by generate; DO NOT EDIT."
}

$1 == "const" && $2 == "(" {
	print ""
	next
}

$1 == "const" {
	print ""
	sub(/^const /, "")
	$0 = $0
}

$2 == "=" {
	printf "%sconst %s: %s = %s;\n", visible($1), toupper(snake($1)),
		constant_type($1), $3
}

$1 == "type" {
	printf "\n#[repr(C)]\n#[derive(Clone, Copy, Debug, Default)]\n"
	printf "%sstruct %s%s {\n", visible($2), toupper(substr($2, 1, 1)), substr($2, 2)
	shown = visible($2)
	within = 1
	next
}

within && $1 == "}" {
	print "}"
	within = 0
}

within {
	printf "    %s%s: %s,\n", shown, field($1), rust_type($2)
}
