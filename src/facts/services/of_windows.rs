//! Which services are of the operating system.
//!
//! A service is of the operating system if its program (the DLL of a shared host) lies in the Windows folder and either its
//! name is in the table below or its host is `services.exe` or `lsass.exe`. The few that Windows itself puts elsewhere are a
//! list of their own. Everything else is third-party: a vendor's program in `system32`, and a known name with a program in
//! another place. The table holds the Win32 services of NT 4.0, Windows 10 1709 (measured on hives) and of Windows 2000 to 7
//! and the IIS, message and transaction services (from memory); a name that is missing there makes a candidate too many,
//! never one too few.

use crate::base::win_path::{WinPath, eq_name};
use crate::facts::services::image_path::Program;

/// Hosts that load only services of the operating system.
const SYSTEM_HOSTS: [&str; 2] = ["services.exe", "lsass.exe"];

/// Services of the operating system whose program lies outside of the Windows folder.
const ELSEWHERE: [&str; 4] = ["Sense", "WdNisSvc", "WinDefend", "WMPNetworkSvc"];

/// Names of services of the operating system.
const NAMES: &str = "
    Alerter ALG AppMgmt AppReadiness aspnet_state AudioSrv BITS Browser CertSvc CiSvc ClipSrv COMSysApp CryptSvc DcomLaunch
    Dfs DFSR DHCP DHCPServer dmadmin dmserver DNS Dnscache Dot3svc EapHost ERSvc EventLog EventSystem ExtendedCDs
    FastUserSwitchingCompatibility Fax FTPSVC helpsvc hidserv hkmsvc HTTPFilter IAS IISADMIN ImapiService IrMon IsmServ kdc
    LanmanServer LanmanWorkstation LicenseService LmHosts LPDSVC MacFile MacPrint Messenger mnmsrvc MSDTC MSFTPSVC msiserver
    MSMQ MSMQTriggers napagent NetDDE NetDDEdsdm Netlogon Netman Nla NntpSvc NtFrs NtLmSsp NtmsSvc PlugPlay PolicyAgent
    ProtectedStorage RasAuto RasMan RDSessMgr RemoteAccess RemoteRegistry Replicator RPCLOCATOR RpcSs RSVP sacsvr SamSs
    SCardDrv SCardSvr Schedule seclogon SENS SharedAccess ShellHWDetection SimpTcp SMTPSVC SNMP SNMPTRAP Spooler SrvSvc
    srservice SSDPSRV stisvc swprv SysmonLog TapiSrv TermService TermServLicensing TFTPD Themes TlntSvr TrkSvr TrkWks
    Tssdis UMWdf upnphost UPS UtilMan VDS VSS W32Time W3SVC W3LOGSVC WAS WebClient WINS WinHttpAutoProxySvc winmgmt WMDM
    Wmi WmiApSrv WMServer WMSVC wscsvc wuauserv WZCSVC xmlprov NWCWorkstation NwSapAgent IPRIP TrustedInstaller
    EWFMsg ewfmsg DUAgent MSUPDATEAGENT sppuinotify uxsms FontCache3.0.0.0 clr_optimization_v2.0.50727_32
    clr_optimization_v2.0.50727_64 clr_optimization_v4.0.30319_32 clr_optimization_v4.0.30319_64 idsvc NetMsmqActivator
    NetPipeActivator NetTcpActivator NTDS ADWS ClusSvc IISADMIN AppHostSvc wmsvc vmms vmcompute SstpSvc

    AJRouter AppIDSvc Appinfo AppVClient AppXSvc AssignedAccessManagerSvc AudioEndpointBuilder AxInstSV BDESVC BFE
    BrokerInfrastructure BthHFSrv bthserv camsvc CDPSvc CertPropSvc ClipSVC CoreMessagingRegistrar CscService defragsvc
    DeviceAssociationService DeviceInstall DevQueryBroker diagnosticshub.standardcollector.service diagsvc DiagTrack
    DmEnrollmentSvc dmwappushservice DoSvc DPS DsmSvc DsSvc DusmSvc EFS embeddedmode EntAppSvc fdPHost FDResPub fhsvc
    FontCache FrameServer gpsvc GraphicsPerfSvc HomeGroupListener HomeGroupProvider HvHost icssvc IKEEXT InstallService
    iphlpsvc IpxlatCfgSvc KeyIso KtmRm lfsvc LicenseManager lltdsvc LSM MapsBroker MMCSS MpsSvc MSiSCSI NaturalAuthentication
    NcaSvc NcbService NcdAutoSetup netprofm NetSetupSvc NetTcpPortSharing NgcCtnrSvc NgcSvc NlaSvc nsi p2pimsvc p2psvc PcaSvc
    PeerDistSvc PerfHost PhoneSvc pla PNRPAutoReg PNRPsvc Power PrintNotify ProfSvc PushToInstall QWAVE RetailDemo RmSvc
    RpcEptMapper ScDeviceEnum SCPolicySvc SDRSVC SecurityHealthService SEMgrSvc SensorDataService SensorService SensrSvc
    SessionEnv SharedRealitySvc shpamsvc slsvc smphost SmsRouter spectrum sppsvc StateRepository StorSvc svsvc SysMain
    SystemEventsBroker TabletInputService TBS THREADORDER TieringEngineService tiledatamodelsvc TimeBrokerSvc TokenBroker
    tzautoupdate UevAgentService UI0Detect UmRdpService UserManager UsoSvc VaultSvc vmicguestinterface vmicheartbeat
    vmickvpexchange vmicrdv vmicshutdown vmictimesync vmicvmsession vmicvss WalletService WarpJITSvc wbengine WbioSrvc Wcmsvc
    wcncsvc WcsPlugInService WdiServiceHost WdiSystemHost Wecsvc WEPHOSTSVC wercplsupport WerSvc WFDSConMgrSvc WiaRpc WinRM
    wisvc Wlansvc wlidsvc wlpasvc workfolderssvc WPCSvc WPDBusEnum WpnService WSearch wudfsvc WwanSvc xbgm XblAuthManager
    XblGameSave XboxGipSvc XboxNetApiSvc
";

/// Whether the service of that name, whose program is `program`, is not of the operating system.
pub(crate) fn is_third_party(name: &str, program: Option<&Program>, system_root: &WinPath) -> bool {
    let known = |names: &str| names.split_whitespace().any(|known| eq_name(known, name));
    if ELSEWHERE.iter().any(|known| eq_name(known, name)) {
        return false;
    }
    match program {
        Some(Program::InVolume(path)) if is_below(path, system_root) => {
            let is_system_host = SYSTEM_HOSTS
                .iter()
                .any(|host| path.eq_ignore_case(&system_root.join("system32").child(host)));
            !is_system_host && !known(NAMES)
        }
        Some(Program::InVolume(_) | Program::Elsewhere(_)) => true,
        Some(Program::None) | None => !known(NAMES),
    }
}

fn is_below(path: &WinPath, folder: &WinPath) -> bool {
    let (path, folder) = (path.components(), folder.components());
    path.len() > folder.len() && path.iter().zip(folder).all(|(a, b)| eq_name(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn third_party(name: &str, path: &str) -> bool {
        let program = Program::InVolume(WinPath::new(path));
        is_third_party(name, Some(&program), &WinPath::new("WINDOWS"))
    }

    #[test]
    fn a_service_is_told_by_the_place_of_its_program_and_by_its_name() {
        assert!(!third_party(
            "w3svc",
            "WINDOWS\\system32\\inetsrv\\inetinfo.exe"
        ));
        assert!(!third_party("Unheard", "windows\\System32\\LSASS.exe"));
        assert!(third_party("VendorAgent", "WINDOWS\\system32\\agent.exe"));
        assert!(third_party("W3SVC", "Program Files\\Other\\web.exe"));
        assert!(third_party("Agent", "WINDOWS2\\agent.exe"));
        assert!(!third_party(
            "WinDefend",
            "ProgramData\\Microsoft\\Windows Defender\\MsMpEng.exe"
        ));
    }
}
