// Spellings that several of the kept extensions share: see OptionSpec::spell.
#pragma once

#include <string>

#include "netfilter/text/extension.hpp"

namespace wayout::netfilter::text {

/// `80` or `80:90`, services by name too.
std::string port_range(const Arguments& given, const Argument& argument);
/// A DSCP as two hexadecimal digits, from a number or (`…-class`) the name of a class.
std::string dscp_value(const Arguments& given, const Argument& argument);
/// `0x10/0xff`, from a number or one of the five old symbols.
std::string tos_value(const Arguments& given, const Argument& argument);

}  // namespace wayout::netfilter::text
