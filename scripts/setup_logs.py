#!/usr/bin/python3
"""Writes the logs of set-up, Sysprep and device installation of testdata/setup_logs, and what they tell.

Each log is a list of lines, and each line that tells something says what, when and how
sure: `answers.tsv` is computed from that and from the encoding of the file, never by
reading a log. So the reader and this model share no code and no author of a rule.

Forms of lines, and where they were published:
  SAD-929828   MicrosoftDocs/SupportArticles-docs, KB929828: LaunchDll, RunExternalDlls, hr = 0xc004d307
  SAD-2769827  the same, KB2769827: ActionPlatform::LaunchModule, MM-DD-YYYY, pre-validate
  SAD-FATAL    the same, fatal-error-occurred-sysprep-machine: Not running DLLs, dwRet = 31
  TN-7C16      TechNet forum 7c16ae1b, June 2010: Windows 7, CryptoSysPrep_Specialize
  LOG-2022     a log of Server 2022 of July 2025 in a public repository: run header, options, action files
  BC-APPLOGIC  Broadcom, CA AppLogic 3.8, "Sysprep": error code 2[gle=0x00000012]
  DSC          MicrosoftDocs/PowerShell-Docs, pull server: returned error code 0x2
  SETUPAPI     Microsoft, "Troubleshooting Device Installation with the SetupAPI Log File", 2003: #-199, @ time
  WDK-TEXTLOG  Microsoft Learn, "Format of a Text Log Section Header": Section start behind the time
  W2K-LOG      Win2000DevCommunity/RemoteDesk2K, setupapi.log: Munged cmdline, EXE name, times that go back
  XP-LOG       a blog of May 2007 and Microsoft Learn on class installers: #-198 Command line processed
  VCL          Apache VCL, "Sysprep fails because of unsigned storage drivers": sysprep.exe in setupapi.log of 2003
  W7-LOG       billauer.co.il, February 2012: >>>  Section start
  SPECIALIZE   an excerpt of setupapi.setup.log of Windows 10 of February 2026: [Sysprep Specialize - {GUID}]
  FBA          Microsoft Learn ms932908 says what FBALOG.TXT holds; no line was ever published, so the form is a guess
That mini-setup leaves `setup -newsetup -mini` is from memory.

    scripts/setup_logs.py [FOLDER]          writes the logs and answers.tsv (testdata/setup_logs)
    scripts/setup_logs.py --check [FOLDER]  compares with what is there
"""

import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
UTF8, UTF8_BOM, ANSI, UTF16, UTF16_BOM, UTF16BE_BOM = "utf8", "utf8-bom", "ansi", "utf16", "utf16-bom", "utf16be-bom"
CODECS = {UTF8: ("utf-8", b""), UTF8_BOM: ("utf-8", b"\xef\xbb\xbf"), ANSI: ("cp1252", b""), UTF16: ("utf-16-le", b""),
          UTF16_BOM: ("utf-16-le", b"\xff\xfe"), UTF16BE_BOM: ("utf-16-be", b"\xfe\xff")}
LOCAL, UNKNOWN = "local_unknown_zone", "unknown"
GUID = "44d42aa2-dee4-4023-bea5-d2f166bbb42c"
OTHER_GUID = "1b2162a0-5d0b-4bd9-9b1e-5ac6b1d2a3c4"


class Line:
    """Text, what it tells (`None`: nothing), when, and how sure."""

    def __init__(self, text, tells=None, time=None, encoding=None, end="\r\n", raw=None, group=None):
        self.text, self.tells, self.time = text, tells, time
        self.encoding, self.end, self.raw, self.group = encoding, end, raw, group


def lay_out(name, encoding, lines):
    """The bytes of a log, and its answers: file, line, offset, time, certainty, what."""
    codec, mark = CODECS[encoding]
    content, answers, groups = mark, [], []
    for number, line in enumerate(lines, 1):
        begin = len(content)
        if line.raw is not None:
            content += line.raw
        else:
            content += (line.text + line.end).encode(CODECS[line.encoding][0] if line.encoding else codec)
        if line.group is not None and not line.group.placed:
            line.group.placed = (number, begin)
            groups.append(line.group)
        if line.tells:
            answers.append((name, number, begin, line.time or "-", LOCAL if line.time else UNKNOWN, line.tells))
    for group in groups:
        answers.append((name, *group.placed, iso(group.times[0]), LOCAL, group.tells()))
    return content, answers


# Set-up and Sysprep of Vista and later -------------------------------------------------

def iso(time):
    return time.replace("/", "-").replace(" ", "T")


def panther(time, level, code, component, text, tells=None, **more):
    """A line of Vista and later; the columns are those of TN-7C16 and LOG-2022."""
    line = f"{time}, {level:<11}{code:<10} {component:<6} {text}"
    return Line(line, tells, iso(time) if tells else None, **more)


def said(time, text, code="", level="Info", tells=None, **more):
    return panther(time, level, code, "SYSPRP", text, tells, **more)


def specialize(time, guid=GUID, **more):                                                # TN-7C16
    return panther(time, "Info", "", "", f'capisp.dll::CryptoSysPrep_Specialize: assigned CAPI machine guid "{guid}"',
                   f"machine_guid {guid.lower()}", **more)


def header(time):                                                                       # LOG-2022
    rule = "=" * 56
    return [said(time, rule), said(time, "===          Beginning of a new sysprep run          ===", tells="run_begins"),
            said(time, rule), said(time, f"The time is now {time}", "[0x0f004d]"),
            said(time, r"Initialized SysPrep log at C:\Windows\System32\Sysprep\Panther", "[0x0f004e]")]


def option(time, text, name=None, **more):                                              # LOG-2022, SAD-929828
    name = (name or text).upper()
    return said(time, f"ParseCommands:Found supported command line option '{text}'", "[0x0f005f]", tells=f"option {name}", **more)


def old_provider(time, path, function, failure=None, code=None):                        # TN-7C16, SAD-929828, BC-APPLOGIC
    what = f"{path.rsplit(chr(92), 1)[-1].lower()},{function.strip()}"
    if failure is None:
        return said(time, f"LaunchDll:Successfully executed '{path},{function}' without error", "[0x0f0081]",
                    tells=f"provider_done {what}")
    return said(time, f"LaunchDll:Failure occurred while executing '{path},{function}', returned error code {failure}",
                "[0x0f0082]", "Error", f"provider_failed {what} 0x{code:08x}")


def new_provider(time, path, function, failure=None, code=None):                        # LOG-2022, SAD-2769827
    what = f"{path.rsplit(chr(92), 1)[-1].lower()},{function}"
    if failure is None:
        return said(time, f"ActionPlatform::LaunchModule: Successfully executed '{function}' from {path}",
                    tells=f"provider_done {what}")
    return said(time, f"ActionPlatform::LaunchModule: Failure occurred while executing '{function}' from {path}; dwRet = {failure}",
                level="Error", tells=f"provider_failed {what} 0x{code:08x}")


def pass_failed(time, doing, name, kind, code, number="[0x0f00a8]"):                    # SAD-929828, SAD-2769827
    return said(time, f"WinMain:Hit failure while {doing} sysprep {name} {kind}providers; hr = 0x{code:08x}", number, "Error",
                f"pass_failed {name} 0x{code:08x}")


def tag(time):                                                                          # published with LOG-2022's form
    return said(time, r"FCreateTagFile:Successfully created tag file C:\Windows\System32\Sysprep\Sysprep_succeeded.tag",
                "[0x0f007f]", tells="succeeded")


SYSTEM32 = r"C:\Windows\System32"


def generalize_run(day, options=("OOBE", "GENERALIZE", "SHUTDOWN"), provider=new_provider):
    """A run that succeeds."""
    at = f"{day} 21:55:35"
    lines = header(at)
    lines += [said(at, r"FCreateTagFile:Tag file C:\Windows\System32\Sysprep\Sysprep_succeeded.tag does not already exist, "
                       "no need to delete anything", "[0x0f007e]")]
    lines += [option(at, name) for name in options]
    lines += [said(at, "RunDlls:Running platform actions specified in action file for phase 3"),
              provider(f"{day} 21:56:02", rf"{SYSTEM32}\spopk.dll", "Sysprep_Clean_Validate_Opk"),
              provider(f"{day} 21:57:40", rf"{SYSTEM32}\capisp.dll", "CAPISysPrep_Generalize"),
              tag(f"{day} 21:59:59"),
              said(f"{day} 22:00:00", "Shutting down SysPrep log", "[0x0f0052]")]
    return lines


def panther_logs():
    yield "vista_rearm_setuperr.log", ANSI, [
        old_provider("2007-11-02 10:11:12", rf"{SYSTEM32}\slc.dll", " SLReArmWindows", "-1073425657", 0xC004D307),
        said("2007-11-02 10:11:12", "RunExternalDlls: An error occurred while running registry sysprep DLLs, halting sysprep "
             "execution. dwRet = -1073425657", "[0x0f0070]", "Error"),
        pass_failed("2007-11-02 10:11:13", "processing", "generalize", "", 0xC004D307)]
    yield "vista_generalize_setupact.log", ANSI, generalize_run("2007-11-02", provider=old_provider)
    yield "win7_specialize_setupact.log", UTF8, [
        old_provider("2010-06-21 14:22:54", rf"{SYSTEM32}\sppnp.dll", "Sysprep_Specialize_Pnp"),
        said("2010-06-21 14:22:54", r"RunRegistryDlls:Found entrypoint in registry at SOFTWARE\Microsoft\Windows\CurrentVersion"
             r"\Setup\SysPrep\Specialize\{2172c981-2c23-e969-b30d-046ffeeb096e}; will try to launch "
             r"'C:\Windows\system32\capisp.dll,CryptoSysPrep_Specialize'", "[0x0f008b]"),
        said("2010-06-21 14:22:54", r"LaunchDll:Found 'C:\Windows\system32\capisp.dll,CryptoSysPrep_Specialize'; executing it",
             "[0x0f0080]"),
        panther("2010-06-21 14:22:54", "Info", "", "", "capisp.dll::CheckIFCryptoSysPrepSpecialized: returning 0"),
        specialize("2010-06-21 14:22:55"),
        old_provider("2010-06-21 14:22:56", r"C:\Windows\system32\capisp.dll", "CryptoSysPrep_Specialize")]
    yield "win7_bcd_setuperr.log", UTF8, [
        said("2013-07-18 22:31:45", "WinMain:The sysprep dialog box returned FALSE", "[0x0f0043]", "Error"),
        old_provider("2013-07-18 22:38:30", rf"{SYSTEM32}\spbcd.dll", "Sysprep_Generalize_Bcd", "2[gle=0x00000012]", 2),
        said("2013-07-18 22:38:30", "RunExternalDlls:An error occurred while running registry sysprep DLLs, halting sysprep "
             "execution. dwRet = 2[gle=0x00000012]", "[0x0f0070]", "Error"),
        pass_failed("2013-07-18 22:38:30", "processing", "generalize", "", 0x80070002)]
    yield "server2008r2_dsc_setuperr.log", UTF8_BOM, [
        old_provider("2016-02-03 01:02:03", "DscCore.dll", "SysPrep_Cleanup", "0x2", 2),
        pass_failed("2016-02-03 01:02:04", "processing", "cleanup", "external ", 0x80070002, "[0x0f00ae]")]
    invalid = "either the machine is in an invalid state or we couldn't update the recorded state, dwRet"
    yield "win8_state_invalid_setuperr.log", UTF8, [
        said("2014-03-04 05:06:07", f"RunExternalDlls:Not running DLLs; {invalid} = 31", "[0x0f0073]", "Error", "state_invalid"),
        pass_failed("2014-03-04 05:06:07", "processing", "cleanup", "external ", 0x8007001F, "[0x0f00ae]"),
        said("2019-03-04 05:06:07", f"RunDlls:Not running DLLs; {invalid} = 0x1f", "[0x0f0073]", "Error", "state_invalid")]
    yield "win10_generalize_setupact.log", UTF8_BOM, (
        generalize_run("2025-07-21") + [Line("")] +
        generalize_run("2025-07-22", ("OOBE", "GENERALIZE", "SHUTDOWN", "MODE")))
    yield "win10_appx_setuperr.log", UTF8, [
        said("2021-07-06 13:53:57", "Package Microsoft.LanguageExperiencePackzh-CN_19041.26.68.0_neutral__8wekyb3d8bbwe was "
             "installed for a user, but not provisioned for all users. This package will not function properly in the sysprep "
             "image.", level="Error"),
        said("2021-07-06 13:53:57", "Exit code of RemoveAllApps thread was 0x3cf2.", level="Error"),
        new_provider("2021-07-06 13:53:57", rf"{SYSTEM32}\AppxSysprep.dll", "SysprepGeneralizeValidate", "0x3cf2", 0x3CF2),
        said("2021-07-06 13:53:57", rf"SysprepSession::Validate: Error in validating actions from {SYSTEM32}\Sysprep\ActionFiles"
             r"\Generalize.xml; dwRet = 0x3cf2", level="Error"),
        pass_failed("2021-07-06 13:53:57", "pre-validate", "generalize", "internal ", 0x80073CF2, "[0x0f00d8]")]
    yield "win11_specialize_setupact.log", UTF16_BOM, [
        said("2024-10-30 08:00:01", f"ActionPlatform::LaunchModule: Executing method 'CryptoSysPrep_Specialize' from {SYSTEM32}"
             r"\capisp.dll"),
        specialize("2024-10-30 08:00:02", OTHER_GUID.upper()),
        new_provider("2024-10-30 08:00:02", rf"{SYSTEM32}\capisp.dll", "CryptoSysPrep_Specialize"),
        new_provider("2024-10-30 08:00:03", rf"{SYSTEM32}\capisp.dll", "CryptoSysPrep_Specialize_Clone", "0x5", 5),
        pass_failed("2024-10-30 08:00:03", "processing", "specialize", "internal ", 0x80070005)]
    # Tools that copy logs write month, day, year and milliseconds (SAD-2769827).
    yield "copied_setupact.log", UTF8, [
        Line("02-07-2022 15:18:02.000 SYSPRP Entering SysprepGeneralizeValidate (Appx) - validating whether all apps are also "
             "provisioned."),
        Line("02-07-2022 15:18:03.000 SYSPRP ActionPlatform::LaunchModule: Failure occurred while executing "
             rf"'SysprepGeneralizeValidate' from {SYSTEM32}\AppxSysprep.dll; dwRet = 0x3cf2",
             "provider_failed appxsysprep.dll,SysprepGeneralizeValidate 0x00003cf2", "2022-02-07T15:18:03"),
        Line("02-07-2022 15:18:03.000 SYSPRP 983256 (0xf00d8) WinMain:Hit failure while pre-validate sysprep generalize internal "
             "providers; hr = 0x80073cf2", "pass_failed generalize 0x80073cf2", "2022-02-07T15:18:03")]
    # Set-up of XP and 2003 writes no time and says nothing of Sysprep.
    yield "xp_setupact.log", ANSI, [
        Line("GUI mode Setup has started."), Line(r"C:\WINDOWS\System32\Grüße.exe was copied."),
        Line("Setup is installing devices."), Line("")]
    yield "server2003_setuperr.log", UTF16_BOM, [
        Line("Error:"), Line("Setup could not start the service MSDTC."), Line("***"), Line("")]


# What a log looks like after a crash, a redirection or an edit --------------------------

def hostile_panther_logs():
    day = "2011-02-03"
    whole = specialize(f"{day} 10:00:00").text

    def fine():
        return specialize(f"{day} 11:00:00", OTHER_GUID)

    # The GUID misses its last five characters; a line of another run follows.
    yield "cut_mid_guid.log", UTF8, [Line(whole[:-6]), fine()]
    yield "cut_at_the_end.log", UTF8, [fine(), Line(whole[:-6], end="")]
    yield "cut_utf16_odd.log", UTF16_BOM, [fine(), Line("", raw=whole.encode("utf-16-le")[:-7])]
    yield "no_newline_at_the_end.log", UTF8, [specialize(f"{day} 11:00:00", end="")]
    yield "zeros_behind.log", UTF8, [fine(), Line("", raw=b"\0" * 4096)]
    # A page of zeros that a crash left, and the log goes on in the same line.
    yield "zeros_before_a_line.log", UTF8, [fine(), Line("", f"machine_guid {GUID}", f"{day}T10:00:00",
                                                     raw=b"\0" * 512 + whole.encode() + b"\r\n")]
    yield "zeros_utf16.log", UTF16_BOM, [fine(), Line("", raw=b"\0" * 512)]
    wrong = ["2010-13-45 14:22:55", "2010-02-30 14:22:55", "2010-06-21 24:22:55", "2010-06-21 14:60:55", "2010-06-21 23:59:60",
             "0000-00-00 00:00:00", "1600-12-31 23:59:59", "12345-06-21 14:22:55", "2010-06-21", "-2010-06-21 14:22:55",
             "21.06.2010 14:22:55", "13-45-2010 14:22:55", "2010-06-21T14:22:55"]
    lines = []
    for time in wrong:
        line = specialize("2000-01-01 00:00:00")
        line.text, line.time = line.text.replace("2000-01-01 00:00:00", time), None
        lines.append(line)
    yield "wrong_dates.log", UTF8, lines + [fine()]
    # What is told stands at the begin of one long line and behind 16 KiB of another.
    long_head = specialize(f"{day} 12:00:00")
    long_head.text += " " + "x" * 20_000
    yield "long_lines.log", UTF8, [
        long_head, Line(f"{day} 12:00:01, Info " + "y" * 20_000 + " " + whole.split(None, 3)[3]), fine(),
        Line("z" * 40_000), specialize(f"{day} 12:00:03")]
    yield "long_lines_utf16.log", UTF16_BOM, [Line("z" * 20_000), fine()]
    # A redirection appends UTF-16 to a log of 8 bits, and the other way round.
    yield "ansi_then_utf16.log", ANSI, [
        Line(f"{day} 09:00:00, Info Grüße"), fine(), specialize(f"{day} 12:00:00", encoding=UTF16),
        said(f"{day} 12:00:01", "nothing", encoding=UTF16), specialize(f"{day} 13:00:00")]
    yield "utf16_then_ansi.log", UTF16_BOM, [
        fine(), specialize(f"{day} 12:00:00", encoding=ANSI), Line("ok", encoding=ANSI),
        specialize(f"{day} 13:00:00"), specialize(f"{day} 14:00:00", encoding=UTF8)]
    yield "utf16_without_end_then_ansi.log", UTF16_BOM, [
        fine(), Line("", raw="a line without its end".encode("utf-16-le") + b" echo done by a script\r\n"),
        specialize(f"{day} 12:00:00", encoding=ANSI), specialize(f"{day} 13:00:00", encoding=ANSI)]
    # Marks of another encoding than that of the text.
    yield "mark_utf16_text_utf8.log", UTF16_BOM, [specialize(f"{day} 09:00:00", encoding=UTF8),
                                                 specialize(f"{day} 11:00:00", OTHER_GUID, encoding=UTF8)]
    yield "mark_utf16be_text_utf16.log", UTF16BE_BOM, [specialize(f"{day} 09:00:00", encoding=UTF16),
                                                      specialize(f"{day} 11:00:00", OTHER_GUID, encoding=UTF16)]
    yield "mark_utf8_text_utf16.log", UTF8_BOM, [Line("", raw=("﻿" + f"{day} x\r\n").encode("utf-16-le")),
                                                specialize(f"{day} 11:00:00", OTHER_GUID, encoding=UTF16)]
    yield "utf16be.log", UTF16BE_BOM, [specialize(f"{day} 09:00:00"), fine()]
    yield "utf16_without_mark.log", UTF16, [specialize(f"{day} 09:00:00"), fine()]
    yield "chinese_utf16.log", UTF16_BOM, [
        Line("安装程序正在运行"), specialize(f"{day} 09:00:00"), Line("错误"), Line("ਅਆ " + "中文" * 40), fine()]
    yield "line_feeds_only.log", UTF8, [specialize(f"{day} 09:00:00", end="\n"), specialize(f"{day} 10:00:00", OTHER_GUID, end="\n")]
    # Of an option the name is told and nothing else.
    yield "options_with_secrets.log", ANSI, [
        option(f"{day} 09:00:00", r"UNATTEND:C:\Müller\unattend.xml /adminpassword:Hunter2", "UNATTEND"),
        option(f"{day} 09:00:00", "generalize"), option(f"{day} 09:00:00", "OOBE extra", "OOBE"),
        said(f"{day} 09:00:00", "ParseCommands:Found supported command line option ''", "[0x0f005f]"),
        said(f"{day} 09:00:00", "ParseCommands:Found supported command line option 'OOBE", "[0x0f005f]", tells="option OOBE")]
    yield "garbage.log", UTF8, [fine(), Line("", raw=bytes(range(11, 256)) * 9 + b"\r\n"),
                                Line("", raw=bytes(byte for value in range(128, 256) for byte in (value, 0)) + b"\n"),
                                specialize(f"{day} 12:00:00")]
    yield "empty.log", UTF8, []
    yield "mark_alone.log", UTF16_BOM, []


# Device installation -------------------------------------------------------------------

class Group:
    """Sections that belong together, as the scenario says."""

    def __init__(self, seal="-"):
        self.seal, self.times, self.programs, self.placed = seal, [], [], None

    def tells(self):
        return (f"devices sections={len(self.times)} last={iso(max(self.times))} programs={','.join(self.programs) or '-'} "
                f"seal={self.seal}")

    def section(self, time, program=None):
        self.times.append(time)
        if program and program not in self.programs:
            self.programs.append(program)


SETUP = r'"C:\WINDOWS\system32\setup.exe" with command line: setup -newsetup'


def xp_section(group, time, pid, number, program, command, install=True, prefix=""):        # SETUPAPI, XP-LOG
    """A section of XP or 2003; `program` is the name that its command holds."""
    group.section(time, program)
    kind = " Driver Install" if install else ""
    return [Line(f"[{time} {pid}.{number}{kind}]", group=group),
            Line("#-019 Searching for hardware ID(s): acpi\\pnp0303,*pnp0303") if install
            else Line('#I140 Installing Device Class: "1394" {6BDD1FC1-810F-11D0-BEC7-08002BE2092F}.'),
            Line(prefix + command),
            Line('#I121 Device install of "ACPI\\PNP0303\\4&5289E18&0" finished successfully.') if install
            else Line("#I141 Class install completed with no errors.")]


def xp_header(version):
    return [Line("[SetupAPI Log]"), Line(f"OS Version = {version}"), Line("Platform ID = 2 (NT)"), Line("Service Pack = 1.0"),
            Line("Suite = 0x0100"), Line("Product Type = 1"), Line("Architecture = x86")]


def minutes(start, count, step):
    """Times of one hour, `step` seconds apart."""
    day, clock = start.split(" ")
    hour, minute, second = (int(part) for part in clock.split(":"))
    for index in range(count):
        total = hour * 3600 + minute * 60 + second + index * step
        yield f"{day} {total // 3600:02}:{total // 60 % 60:02}:{total % 60:02}"


def device_logs():
    # Windows 2000: the first section of a process names its command; times go back by seconds (W2K-LOG).
    lines = []

    def w2k(group, times, pid, munged, exe, program):
        for index, time in enumerate(times):
            group.section(time, program if index == 0 else None)
            lines.append(Line(f"[{time} {pid}.{12 + 10 * index}{' Driver Install' if index else ''}]", group=group))
            if index == 0:
                lines.extend([Line(f"Munged cmdline: {munged}"), Line(f"EXE name: {exe}")])
            lines.append(Line("Installing Device Class: {72631e54-78a4-11d0-bcf7-00aa00b7b32a} Battery."))
            lines.append(Line("Class install completed with no errors."))

    installed = ["2001/11/27 22:13:36", "2001/11/27 22:13:36", "2001/11/27 22:15:10", "2001/11/27 22:15:09",
                 "2001/11/27 22:15:11", "2001/11/27 22:15:10"]
    w2k(Group(), installed, 180, "setup -newsetup", r"C:\WINNT\system32\setup.exe", "setup.exe")
    w2k(Group("tool"), ["2001/12/01 09:00:00"], 412, r"C:\sysprep\sysprep.exe -quiet", r"C:\sysprep\sysprep.exe", "sysprep.exe")
    w2k(Group("mini_setup"), list(minutes("2001/12/01 09:10:00", 12, 7)), 176, "setup -newsetup -mini",
        r"C:\WINNT\system32\setup.exe", "setup.exe")
    yield "w2k_setupapi.log", ANSI, lines

    # XP: set-up, then mini-setup within the half hour, devices of a running system later, one with times (SETUPAPI, XP-LOG).
    lines = xp_header("5.1.2600 Service Pack 1")
    setup = Group()
    for number, time in enumerate(minutes("2003/05/22 16:35:47", 3, 1)):
        lines += xp_section(setup, time, 336, 12 + number, "setup.exe", f"#-199 Executing {SETUP}", install=False)
    mini = Group("mini_setup")
    for number, time in enumerate(minutes("2003/05/22 16:50:00", 11, 61)):
        lines += xp_section(mini, time, 212, 3 + number, "setup.exe", f"#-199 Executing {SETUP} -mini")
    lines += xp_section(mini, "2003/05/22 17:05:00", 900, 7, "services.exe",
                        r"#-198 Command line processed: C:\WINDOWS\system32\services.exe")
    used = Group()
    lines += xp_section(used, "2004/02/27 20:14:30", 1148, 173, "mmc.exe",
                        '#-198 Command line processed: C:\\WINDOWS\\system32\\mmc.exe "C:\\WINDOWS\\system32\\devmgmt.msc" ')
    lines += xp_section(used, "2004/02/27 20:20:30", 2760, 37, "sysocmgr.exe",
                        '#-198 Command line processed: "C:\\WINDOWS\\system32\\sysocmgr.exe" /y /i:C:\\WINDOWS\\system32\\sysoc.inf')
    verbose = Group("mini_setup")
    lines += xp_section(verbose, "2004/05/05 10:18:25", 212, 3, "setup.exe", f"#-199 Executing {SETUP} -MINI",
                        prefix="@ 10:18:25.656 ")
    yield "xp_setupapi.log", ANSI, lines

    # Server 2003: Sysprep builds the list of storage devices, the clone boots, and again (VCL).
    lines = xp_header("5.2.3790 Service Pack 2")
    for day in ("2009/10/21", "2009/11/05"):
        tool = Group("tool")
        for number, time in enumerate(minutes(f"{day} 10:52:43", 2, 2)):
            lines += xp_section(tool, time, 1912, 7 + number, "sysprep.exe", '#-199 Executing "C:\\Sysprep\\sysprep.exe" with '
                                "command line: C:/Sysprep/sysprep.exe /quiet /reseal /mini")
        mini = Group("mini_setup")
        lines += xp_section(mini, f"{day} 11:02:00", 264, 94, "setup.exe", f"#-199 Executing {SETUP} -mini")
    yield "server2003_setupapi.log", UTF16_BOM, lines

    # A tool of another name, and passwords on command lines, which are told nowhere.
    lines = xp_header("5.1.2600 Service Pack 3")
    lines += xp_section(Group("tool"), "2009/03/04 10:00:00", 700, 1, "fbreseal.exe",
                        r"#-198 Command line processed: C:\GVR\GVR_Tools\FBReseal.exe")
    lines += xp_section(Group(), "2009/03/04 12:00:00", 701, 1, "tool.exe",
                        '#-199 Executing "C:\\x\\tool.exe" with command line: tool /p:Hunter2 -mini')
    lines += xp_section(Group(), "2009/03/04 14:00:00", 702, 1, "setup.exe",
                        '#-199 Executing "D:\\setup.exe" with command line: setup.exe -minimal')
    yield "xpe_setupapi.log", ANSI, lines

    # The clock is set back by hours, by months, and the log was written through midnight.
    lines, first, back, night = xp_header("5.1.2600 Service Pack 2"), Group(), Group(), Group()
    lines += xp_section(first, "2005/01/01 10:00:00", 1, 1, "setup.exe", f"#-199 Executing {SETUP}")
    lines += xp_section(first, "2005/01/01 09:31:00", 1, 2, "setup.exe", f"#-199 Executing {SETUP}")
    lines += xp_section(back, "2004/12/31 22:59:00", 1, 3, "setup.exe", f"#-199 Executing {SETUP}")
    lines += xp_section(night, "2004/12/31 23:59:00", 1, 4, "setup.exe", f"#-199 Executing {SETUP}")
    lines += xp_section(night, "2005/01/01 00:29:00", 1, 5, "setup.exe", f"#-199 Executing {SETUP}")
    yield "clock_set_back_setupapi.log", ANSI, lines

    yield from new_device_logs()
    yield from hostile_device_logs()


def new_section(group, title, time, documented=False, mark=True):
    """A section of Vista and later: as documented (WDK-TEXTLOG), or as written since Windows 7 (W7-LOG)."""
    group.section(time)
    if documented:
        start, end = f">>>  {time}.000: Section start", f"<<<  [{time}.109: Section end]"
    else:
        start, end = f">>>  Section start {time}.486", f"<<<  Section end {time}.700"
    return [Line(f">>>  [{title}]"), Line(start, group=group if mark else None),
            Line("     dvi: {Build Driver List} 20:55:17.506"), Line("     dvi:      Searching for hardware ID(s):"),
            Line(end), Line("<<<  [Exit status: SUCCESS]"), Line(""), Line("")]


def new_header(version):
    return [Line("[Device Install Log]"), Line(f"     OS Version = {version}"), Line("     Service Pack = 0.0"),
            Line("     Suite = 0x0100"), Line("     ProductType = 1"), Line("     Architecture = x86"), Line(""),
            Line("[BeginLog]"), Line("")]


def new_device_logs():
    device = r"Device Install (Hardware initiated) - pci\ven_10ee&dev_ebeb&subsys_ebeb10ee&rev_00\4&27574d66&0&0008"
    lines, group = new_header("6.0.5033"), Group()
    for time in minutes("2005/02/13 22:06:20", 3, 60):
        lines += new_section(group, r"Device Install - PCI\VEN_104C&DEV_8019&SUBSYS_8010104C&REV_00\3&61aaa01&0&38", time, True)
    yield "vista_setupapi.dev.log", ANSI, lines

    lines, group = new_header("6.1.7601"), Group()
    lines += [Line("[Boot Session: 2012/02/08 20:52:11.484]"), Line("")]
    for time in minutes("2012/02/08 20:55:17", 12, 3):
        lines += new_section(group, device, time)
    lines += [Line("[Boot Session: 2012/02/09 08:00:00.100]"), Line("")]
    lines += new_section(Group(), device, "2012/02/09 08:00:30")
    yield "win7_setupapi.dev.log", ANSI, lines

    lines = new_header("10.0.19041")
    lines += new_section(Group("generalize"), "Sysprep Generalize", "2026/02/03 10:00:00")
    special = Group("specialize")
    lines += new_section(special, "Sysprep Specialize - {3e17cbaa-ea8d-4347-b56c-5adeaaf64172}", "2026/02/03 10:17:02")
    lines += new_section(special, device, "2026/02/03 10:18:02")
    lines += new_section(Group("specialize"), "Sysprep Respecialize - {3e17cbaa-ea8d-4347-b56c-5adeaaf64172}", "2026/02/04 16:17:02")
    yield "win10_setupapi.setup.log", UTF8, lines


def hostile_device_logs():
    device = r"Device Install (Hardware initiated) - SWD\IP_TUNNEL_VBUS\ISATAP_0"
    # Garbage in the middle and a fresh header behind it; sections that never end; times that are none.
    lines, group = new_header("10.0.26100"), Group()
    lines += new_section(group, device, "2026/03/04 09:15:22")[:3]
    lines += [Line("     dvi:           Driver INF     - " + "A" * 40_000)]
    lines += [Line("", raw=bytes(range(11, 256)) * 17 + b"\n"), Line("", raw=b"\0" * 1000 + b"\n")]
    lines += new_header("10.0.26100")
    lines += [Line(">>>  [Device Install]"), Line(">>>  Section start 9999/99/99 99:99:99.999"),
              Line(">>>  Section start 2026/02/30 09:00:00.000"), Line(">>>  Section start 2026/03/04 23:59:60.000"),
              Line(">>>  Section start 2026/03/04"), Line(">>>  Section start "), Line("[2026/3/4 9:15:22 1.1]"),
              Line("[2026/03/04ü09:15:22 1.1]"), Line("     >>>  Section start 2026/03/04 09:16:00.000")]
    lines += new_section(group, device, "2026/03/04 09:20:00")
    yield "garbage_setupapi.dev.log", UTF8, lines
    # A redirection appended UTF-16.
    lines, group = xp_header("5.1.2600 Service Pack 3"), Group("mini_setup")
    added = xp_section(group, "2009/03/04 10:00:00", 700, 1, "setup.exe", f"#-199 Executing {SETUP} -mini")
    for line in added:
        line.encoding = UTF16
    yield "ansi_then_utf16_setupapi.log", ANSI, lines + added
    yield "cut_setupapi.log", ANSI, xp_header("5.1.2600") + [Line("[2009/03/04 10:0", end="")]


# The First Boot Agent ------------------------------------------------------------------

def fba(clock, text, reseal=None, **more):
    """A line of FBALOG.TXT; `reseal` is the run that it belongs to, if it tells of a reseal."""
    line = f"{clock} - {text}"
    tells = None if reseal is None else f"reseal run={reseal} {line[:200]}"
    return Line(line, tells, **more)


def fba_logs():
    yield "fbalog_never.txt", ANSI, [
        fba("1:02:03 AM", "[FBA] First Boot Agent started"), fba("1:02:09 AM", r"[Reg] C:\WINDOWS\System32\ole32.dll registered"),
        fba("1:05:09 AM", "[Net] error 0x7e"), fba("1:09:12 AM", "[FBA] Phase 8500 done")]
    yield "fbalog_once.txt", ANSI, [
        fba("1:02:03 AM", "[FBA] First Boot Agent started"), fba("1:09:10 AM", "[Exec] running fbreseal.exe", 1),
        fba("1:09:12 AM", "[Exec] Reseal phase 12000 done", 1)]
    twice = [
        fba("11:59:58 PM", "[FBA] First Boot Agent started"), fba("12:00:03 AM", "[Exec] RESEALING the image", 1),
        fba("12:00:09 AM", "[Exec] Machine Resealed!", 1), Line(""),
        fba("7:00:00 PM", "[main] FBA starting"), fba("7:05:00 PM", "[Exec] reseal phase 12000 done", 2)]
    yield "fbalog_twice.txt", ANSI, twice
    yield "fbalog_twice_utf16.txt", UTF16_BOM, [Line(line.text, line.tells) for line in twice]
    # The log was cut at its begin: the first reseal has no start before it.
    yield "fbalog_begin_lost.txt", ANSI, [
        Line("reseal phase 12000 done", "reseal run=0 reseal phase 12000 done"),
        fba("9:00:00 AM", "[main] FBA starting"), fba("9:01:00 AM", "[Exec] reseal " + "x" * 1000, 1)]
    yield "fbalog_hostile.txt", ANSI, [
        Line("", raw=b"\0" * 300 + b"\r\n"), Line("", raw=bytes(range(11, 256)) + b"\r\n"),
        fba("99:99:99 XM", "[?] Reseal", 0), Line("", raw=b"9:02:00 AM - [Exec] res")]


def logs():
    """Name, encoding and lines of every log."""
    for source in (panther_logs, hostile_panther_logs, device_logs, fba_logs):
        yield from source()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", nargs="?", default=os.path.join(HERE, "..", "testdata", "setup_logs"))
    parser.add_argument("--check", action="store_true", help="compare with what is there and write nothing")
    given = parser.parse_args()
    files, answers = {}, ["file\tline\toffset\ttime\tcertainty\ttells"]
    for name, encoding, lines in logs():
        assert name not in files, name
        files[name], told = lay_out(name, encoding, lines)
        answers += ["\t".join(str(cell) for cell in row) for row in told]
        if not told:
            answers.append(f"{name}\t-\t-\t-\t-\tnothing")
    files["answers.tsv"] = ("\n".join(answers) + "\n").encode()
    if given.check:
        there = set(os.listdir(given.folder))
        wrong = sorted(there ^ set(files))
        for name in sorted(there & set(files)):
            with open(os.path.join(given.folder, name), "rb") as file:
                if file.read() != files[name]:
                    wrong.append(name)
        if wrong:
            sys.exit(f"setup_logs.py: not as generated: {', '.join(wrong)}")
        return
    os.makedirs(given.folder, exist_ok=True)
    for name, content in files.items():
        with open(os.path.join(given.folder, name), "wb") as file:
            file.write(content)


if __name__ == "__main__":
    main()
