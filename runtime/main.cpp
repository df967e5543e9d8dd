// ebpf-lua [OPTIONS] SCRIPT|NAME|- [ARGS]: reads the command line, hands it to host/.
#include <CLI/CLI.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/nearest.h"
#include "host/state.h"

namespace {

constexpr int kUsage = 2;

/// CLI11's own usage line does not know that the rest of the line is the script's.
class Formatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: ebpf-lua [OPTIONS] SCRIPT|NAME|- [ARGS]\n";
  }
};

int usage_error(const std::string& message) {
  std::fprintf(stderr, "ebpf-lua: %s\nTry 'ebpf-lua --help'.\n", message.c_str());
  return kUsage;
}

int unknown_option(const CLI::App& app, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  const std::string near = ebl::did_you_mean(word.substr(0, word.find('=')), names);
  return usage_error("unknown option " + word + (near.empty() ? "" : "; " + near));
}

/// Empty, or what is wrong: as CLI11 wants it.
std::string check_seconds(const std::string& text) {
  char* end = nullptr;
  const double seconds = std::strtod(text.c_str(), &end);
  const bool whole = !text.empty() && *end == '\0';
  if (whole && std::isfinite(seconds) && seconds > 0) return {};
  return "'" + text + "' is not a positive number of seconds";
}

std::string check_pid(const std::string& text) {
  const bool digits = !text.empty() && text.size() <= 7 &&
                      text.find_first_not_of("0123456789") == std::string::npos;
  return digits && std::atoi(text.c_str()) > 0 ? ""
                                               : "'" + text + "' is not a process id";
}

/// The same for the limit of a compile.
std::string check_compile_limit(const std::string& text) {
  const bool digits = !text.empty() && text.size() <= 4 &&
                      text.find_first_not_of("0123456789") == std::string::npos;
  if (digits && std::atoi(text.c_str()) >= 1 && std::atoi(text.c_str()) <= 3600)
    return {};
  return "'" + text + "' is not a whole number of seconds from 1 to 3600";
}

/// Empty, or what is wrong: as CLI11 wants it.
std::string check_dump(const std::string& text) {
  for (const char* known : {"source", "ir", "asm", "btf", "verifier", "relocs"})
    if (text == known) return {};
  return "'" + text + "' is none of source, ir, asm, btf, verifier, relocs";
}

/// What may also come after the words of -l and --info.
bool take_list_option(std::string_view word, ebl::host::Settings& settings) {
  if (word == "-v" || word == "--verbose") return settings.verbose = true;
  if (word == "--json") return settings.json = true;
  if (word == "--csv") return settings.csv = true;
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("LuaJIT scripts that drive eBPF probes.", "ebpf-lua");
  app.formatter(std::make_shared<Formatter>());
  app.footer(
      "SCRIPT is a file; a bare NAME, or a name that is no file here, is a script of "
      "the\n"
      "gallery; - reads standard input. What follows it is the script's own.\n\n"
      "  ebpf-lua execsnoop -x          processes as they start\n"
      "  ebpf-lua -e 'print(1)'         a line of Lua\n"
      "  ebpf-lua -l 'tracepoint:*exec*'  the probes of a pattern\n"
      "  ebpf-lua                       the prompt\n");
  app.prefix_command();

  ebl::host::Settings settings;
  bool version = false;
  std::string btf;
  std::string compile_limit;
  std::string pid;
  CLI::Option* code = app.add_option("-e", settings.code, "Run CODE")->type_name("CODE");
  app.add_option("-d,--duration", settings.duration, "Stop after SECONDS")
      ->type_name("SECONDS")
      ->check(check_seconds);
  app.add_flag("-i", settings.interactive, "Show the prompt when CODE or SCRIPT has run");
  app.add_flag("--json", settings.json, "Tables as one JSON object a line");
  app.add_flag("--csv", settings.csv, "Tables as comma-separated values");
  app.add_flag("-v,--verbose", settings.verbose, "Whole compiler and verifier texts");
  app.add_option("--btf", btf,
                 "Kernel types from FILE instead of /sys/kernel/btf/vmlinux")
      ->type_name("FILE");
  app.add_flag(
      "-l", settings.list,
      "List the probes that PATTERNs match, or all; with -v their arguments, and "
      "structs");
  app.add_flag("--info", settings.info,
               "What this kernel lets this user do with BPF, and why not; with 'helpers' "
               "the functions that programs of each type may call");
  app.add_flag("--tools", settings.tools, "List the tools of the gallery");
  app.add_flag("--dry-run", settings.dry_run,
               "Compile and have the kernel verify; attach nothing");
  app.add_option("--dump", settings.dump,
                 "Show of each object: source, ir, asm, btf, verifier or relocs; attach "
                 "nothing")
      ->type_name("WHAT")
      ->check(check_dump);
  app.add_option("-c", settings.command,
                 "Run CMD when all is attached, look at it only, and end with it")
      ->type_name("CMD");
  app.add_option("-p", pid, "Look at this process only")
      ->type_name("PID")
      ->check(check_pid);
  app.add_option("-o", settings.output, "Write standard output to FILE")
      ->type_name("FILE");
  app.add_option("--compile-limit", compile_limit,
                 "Let a compile take SECONDS of processor time, not 10")
      ->type_name("SECONDS")
      ->check(check_compile_limit);
  app.add_flag("--no-cache", settings.no_cache,
               "Compile even what was compiled before; keep nothing");
  app.add_option("--cache", settings.cache,
                 "Empty the cache of compiled objects, or tell what is in it")
      ->type_name("clear|stats")
      ->check(CLI::IsMember({"clear", "stats"}));
  app.add_option("--color", settings.color,
                 "Colours: auto (on a terminal, unless NO_COLOR is set), always or never")
      ->type_name("WHEN")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  app.add_flag("-V,--version", version, "Versions of the program and what it stands on");

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return 0;
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string text = error.what();  // "--duration: 1 required SECONDS missing"
    return usage_error("option " + text.substr(0, text.find(':')) + " needs a value");
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what());
  }
  if (version) {
    std::printf("ebpf-lua %s (%s)\n", EBL_VERSION,
                ebl::host::component_versions().c_str());
    return 0;
  }
  if (!pid.empty() && !settings.command.empty())
    return usage_error("-c and -p exclude each other");
  if (!pid.empty()) settings.pid = std::stoi(pid);
  if (!settings.dump.empty()) settings.dry_run = true;
  std::vector<std::string> rest = app.remaining();
  if (!rest.empty() && rest.front() == "--") rest.erase(rest.begin());
  settings.has_code = code->count() > 0;
  if (settings.list || settings.tools || settings.info) {
    if (settings.has_code) return usage_error("-l, --info and --tools run no code");
    for (const std::string& word : rest)
      if (word.starts_with('-') && !take_list_option(word, settings))
        return unknown_option(app, word);
    std::erase_if(rest, [](const std::string& word) { return word.starts_with('-'); });
    if (settings.info && !rest.empty() && rest != std::vector<std::string>{"helpers"})
      return usage_error("--info takes 'helpers' or nothing, got '" + rest.front() + "'");
  } else if (!settings.cache.empty()) {
    if (settings.has_code || !rest.empty())
      return usage_error("--cache runs no script: give it alone");
  } else if (!settings.has_code) {
    settings.interactive = settings.interactive || rest.empty();
    if (!rest.empty() && rest.front().size() > 1 && rest.front().front() == '-')
      return unknown_option(app, rest.front());
    if (!rest.empty()) {
      settings.script = rest.front();
      rest.erase(rest.begin());
    }
  } else if (!rest.empty() && rest.front().size() > 1 && rest.front().front() == '-') {
    return unknown_option(app, rest.front());
  }
  if (settings.json && settings.csv)
    return usage_error("--json and --csv exclude each other");
  settings.args = std::move(rest);
  if (!btf.empty()) ::setenv("EBPF_LUA_BTF", btf.c_str(), 1);
  if (!compile_limit.empty())
    ::setenv("EBPF_LUA_COMPILE_LIMIT", compile_limit.c_str(), 1);
  return ebl::host::run(settings);
}
