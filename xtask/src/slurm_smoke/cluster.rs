//! A cluster of one node, for as long as the value lives.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::packages::Programs;
use crate::failure::environment;
use crate::process;

/// Runs the daemon until standard input ends, which it does when xtask ends, however. Jobs go first.
const GUARD: &str =
    "\"$@\" & daemon=$!; cat > /dev/null; timeout 5 scancel --me; sleep 3; kill $daemon; wait $daemon";

/// The daemons, and where their files are.
pub(super) struct Cluster {
    programs: Programs,
    configuration: PathBuf,
    daemons: Vec<Child>,
}

impl Cluster {
    /// Starts the daemons with all their files below `folder`, and waits until the node is ready.
    pub(super) fn start(programs: Programs, folder: &Path) -> anyhow::Result<Cluster> {
        let configuration = folder.join("slurm.conf");
        for part in ["state", "spool"] {
            let part = folder.join(part);
            fs::create_dir_all(&part).with_context(|| format!("cannot create {}", part.display()))?;
        }
        let host = process::output(Command::new("uname").arg("-n"))?;
        let text = configuration_of(&programs, folder, &host);
        fs::write(&configuration, text)
            .with_context(|| format!("cannot write {}", configuration.display()))?;
        let mut cluster = Cluster { programs, configuration, daemons: vec![] };
        cluster.daemon(folder, "slurmctld", &["-D".into(), "-c".into()])?;
        let step = cluster.programs.program("slurmstepd").display().to_string();
        let step = if step.contains('/') { vec!["-d".into(), step] } else { vec![] };
        cluster.daemon(folder, "slurmd", &[vec!["-D".into()], step].concat())?;
        let start = Instant::now();
        while !cluster.output("sinfo", &["--noheader", "--format=%T"]).is_ok_and(|text| text.contains("idle"))
        {
            if start.elapsed() > Duration::from_secs(60) {
                return Err(environment(format!(
                    "the node is not ready after a minute: see slurmctld.log and slurmd.log in {}",
                    folder.display()
                )));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        Ok(cluster)
    }

    fn daemon(&mut self, folder: &Path, name: &str, arguments: &[String]) -> anyhow::Result<()> {
        let path = folder.join(format!("{name}.out"));
        let log = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut guard = self.command("sh")?;
        guard.args(["-c", GUARD, "sh"]).arg(self.programs.program(name)).args(arguments);
        // In a process group of its own, so that Ctrl-C does not end the guard before its daemon.
        guard.process_group(0).stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        self.daemons.push(guard.spawn().with_context(|| format!("cannot start {name}"))?);
        Ok(())
    }

    /// A program that uses this cluster.
    pub(super) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> anyhow::Result<Command> {
        self.programs.command(program, &self.configuration)
    }

    /// What a program of Slurm prints.
    pub(super) fn output(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        process::output(self.command(self.programs.program(program))?.args(arguments))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for daemon in &mut self.daemons {
            drop(daemon.stdin.take());
        }
        for daemon in &mut self.daemons {
            let _ = daemon.wait();
        }
    }
}

fn configuration_of(programs: &Programs, folder: &Path, host: &str) -> String {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let folder = folder.display();
    format!(
        "ClusterName=smoke\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort=26817\nSlurmdPort=26818\n\
         AuthType=auth/none\nCredType=cred/none\nSlurmUser=root\nSlurmdUser=root\n\
         ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/none\n\
         AccountingStorageType=accounting_storage/none\nSelectType=select/cons_tres\n\
         SelectTypeParameters=CR_Core\nReturnToService=2\nMpiDefault=none\n{plugins}\
         StateSaveLocation={folder}/state\nSlurmdSpoolDir={folder}/spool\n\
         SlurmctldPidFile={folder}/slurmctld.pid\nSlurmdPidFile={folder}/slurmd.pid\n\
         SlurmctldLogFile={folder}/slurmctld.log\nSlurmdLogFile={folder}/slurmd.log\n\
         NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=4000 State=UNKNOWN\n\
         PartitionName=debug Nodes={host} Default=YES MaxTime=INFINITE State=UP\n",
        plugins = programs.configuration(),
    )
}
